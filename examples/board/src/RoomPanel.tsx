import { type FormEvent, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { linkTo, roomName } from "./address";
import { copyText } from "./clipboard";
import { Icon, Logo } from "./icons";
import { newId } from "./id";
import { Popover } from "./Popover";
import { useSession } from "./session";

/** The board's name; behind it, its link, and the way to another board. */
export function RoomPanel({ visit }: { visit: (room: string) => void }): ReactNode {
  const { room } = useSession();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(false), []);
  return (
    <div className="room">
      <h1>
        <button
          ref={button}
          type="button"
          className="room-button"
          aria-haspopup="dialog"
          aria-expanded={open}
          data-testid="room"
          onClick={() => setOpen(!open)}
        >
          <Logo />
          <span className="room-name">{room.name}</span>
          <Icon name="down" />
        </button>
      </h1>
      {open && (
        <Popover anchor={button} label="Share or change the board" role="dialog" close={close}>
          <Share room={room.name} />
          <Visit visit={visit} />
        </Popover>
      )}
    </div>
  );
}

function Share({ room }: { room: string }): ReactNode {
  const { announcer } = useSession();
  const [copied, setCopied] = useState(false);
  const link = linkTo(room, new URL(location.href));
  const field = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  const copy = async () => {
    const done = await copyText(link);
    if (!done) field.current?.select();
    setCopied(done);
    announcer.say(done ? "Link copied." : "The link is selected: copy it.");
  };
  return (
    <div className="panel-part">
      <label htmlFor="link">
        {new URL(link).searchParams.has("token")
          ? "Link to this board, with your access"
          : "Link to this board"}
      </label>
      <div className="panel-line">
        <input
          ref={field}
          id="link"
          type="text"
          readOnly
          value={link}
          onFocus={(event) => event.target.select()}
        />
        <button
          ref={button}
          type="button"
          className="primary"
          data-testid="copy-link"
          onClick={() => void copy()}
        >
          <Icon name={copied ? "check" : "link"} />
          {copied ? "Copied" : "Copy link"}
        </button>
      </div>
    </div>
  );
}

function Visit({ visit }: { visit: (room: string) => void }): ReactNode {
  const [typed, setTyped] = useState("");
  const go = (event: FormEvent) => {
    event.preventDefault();
    visit(roomName(typed) ?? newId());
  };
  const name = roomName(typed);
  return (
    <form className="panel-part" onSubmit={go}>
      <label htmlFor="visit">Another board</label>
      <div className="panel-line">
        <input
          id="visit"
          type="text"
          value={typed}
          placeholder="Name, or nothing for a new one"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
        <button type="submit" className="secondary" data-testid="visit">
          {typed.trim() === "" ? "New board" : "Open"}
        </button>
      </div>
      {name !== undefined && name !== typed.trim() && <p className="note">It will be called {name}</p>}
    </form>
  );
}
