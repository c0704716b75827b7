import { type FormEvent, type ReactNode, useCallback, useRef, useState } from "react";
import { PERSON_COLOURS } from "./me";
import { Popover } from "./Popover";
import { cardAt, type Person } from "./people";
import { nameOf } from "./records";
import { useSession } from "./session";
import { useSignal } from "./signal";

/** How many faces show; more are counted. */
const FACES = 4;
const COLOURS = Array.from({ length: PERSON_COLOURS }, (_, colour) => colour);

/** Who is here: faces, and behind them the list, with oneself to be renamed. */
export function PeoplePanel(): ReactNode {
  const { people, me } = useSession();
  const list = useSignal(people, () => people.list);
  const name = useSignal(me, () => me.name);
  const colour = useSignal(me, () => me.colour);
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(false), []);
  const shown = list.length > FACES ? list.slice(0, FACES - 1) : list;
  const label =
    list.length === 0
      ? `Only you are here, as ${name}`
      : `${list.length + 1} are here: you, ${namesOf(list)}`;
  return (
    <div className="people">
      <button
        ref={button}
        type="button"
        className="faces"
        aria-label={label}
        aria-haspopup="dialog"
        aria-expanded={open}
        title={label}
        data-testid="people"
        onClick={() => setOpen(!open)}
      >
        {list.length > shown.length && (
          <span className="face-circle more">+{list.length - shown.length}</span>
        )}
        {shown.map((person) => (
          <Initials key={person.client} name={person.name} colour={person.colour} />
        ))}
        <Initials name={name} colour={colour} own />
      </button>
      {open && (
        <Popover anchor={button} label="Who is here" role="dialog" close={close}>
          <OwnName />
          <OwnColour />
          <Others list={list} />
        </Popover>
      )}
    </div>
  );
}

function Initials({ name, colour, own = false }: { name: string; colour: number; own?: boolean }): ReactNode {
  const initials = name.split(" ").map((word) => Array.from(word)[0] ?? "");
  return (
    <span className="face-circle" data-person={colour} data-own={own || undefined} aria-hidden="true">
      {[initials[0], initials.length > 1 ? initials.at(-1) : ""].join("").toUpperCase()}
    </span>
  );
}

function OwnName(): ReactNode {
  const { me } = useSession();
  const [typed, setTyped] = useState(me.name);
  const save = (event: FormEvent) => {
    event.preventDefault();
    me.rename(typed);
  };
  return (
    <form className="panel-part" onSubmit={save}>
      <label htmlFor="own-name">Your name</label>
      <div className="panel-line">
        <input
          id="own-name"
          type="text"
          value={typed}
          maxLength={32}
          autoComplete="nickname"
          data-testid="own-name"
          onChange={(event) => setTyped(event.target.value)}
          onBlur={() => me.rename(typed)}
        />
        <button type="submit" className="secondary">
          Save
        </button>
      </div>
    </form>
  );
}

function OwnColour(): ReactNode {
  const { me } = useSession();
  const own = useSignal(me, () => me.colour);
  return (
    <fieldset className="panel-part colours">
      <legend>Your colour</legend>
      {COLOURS.map((colour) => (
        <label key={colour} className="colour" data-person={colour}>
          <input
            type="radio"
            name="own-colour"
            className="hidden"
            checked={own === colour}
            aria-label={`Colour ${colour + 1}`}
            onChange={() => me.paint(colour)}
          />
        </label>
      ))}
    </fieldset>
  );
}

function Others({ list }: { list: readonly Person[] }): ReactNode {
  const { me, model } = useSession();
  if (list.length === 0)
    return <p className="note">Nobody else is here. Open this page in a second window, or send its link.</p>;
  return (
    <ul className="others" aria-label="Others" data-testid="others">
      {list.map((person) => {
        const card = cardAt(person);
        const doing = person.holding === undefined ? "writing in" : "moving";
        return (
          <li key={person.client}>
            <Initials name={person.name} colour={person.colour} />
            <span className="other">
              {person.name}
              {person.person === me.person && " (you, in another window)"}
              {card !== undefined && model.card(card) && (
                <span className="note">
                  {doing} “{nameOf(model.card(card))}”
                </span>
              )}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function namesOf(list: readonly Person[]): string {
  return list.map(({ name }) => name).join(", ");
}
