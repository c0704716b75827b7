import type { Room } from "../room.js";
import { element, type Facts, Rows } from "./elements.js";
import type { Line, Log } from "./log.js";
import { stateOf } from "./state.js";
import { STYLE } from "./style.js";

let panels = 0;

/** The inspector's elements. */
export class Panel {
  isOpen = false;

  private readonly host = document.createElement("revring-inspector");
  private readonly handle = element("button", "handle", "revring");
  private readonly body = element("section", "body");
  private readonly state = element("p", "state");
  private readonly facts = new Rows("dl", "Figures");
  private readonly pending = new Rows("ul", "Pending updates");
  private readonly gaps = new Rows("ul", "Gaps");
  private readonly lines = new Rows("ul", "Last deltas and events");
  private readonly notice = element("p", "notice");

  /**
   * @param room What it shows.
   * @param container What it is put into; undefined: the page.
   * @param toggled Called when it was opened or closed.
   */
  constructor(
    private readonly room: Room,
    container: Element | undefined,
    private readonly toggled: (open: boolean) => void,
  ) {
    const { host, handle, body } = this;
    host.toggleAttribute("floating", !container);
    handle.hidden = container !== undefined;
    handle.type = "button";
    handle.setAttribute("aria-label", `revring inspector of room ${room.name}`);
    handle.addEventListener("click", () => this.toggle());
    body.id = `revring-inspector-${++panels}`;
    body.setAttribute("aria-label", `Room ${room.name}`);
    // It scrolls, by keys too.
    body.tabIndex = 0;
    handle.setAttribute("aria-controls", body.id);
    this.state.setAttribute("role", "status");
    this.notice.setAttribute("role", "status");
    const style = document.createElement("style");
    style.textContent = STYLE;
    const sections = [this.facts, this.pending, this.gaps, this.lines].map((rows) => rows.section);
    body.append(this.state, this.buttons(), this.notice, ...sections);
    const root = host.attachShadow({ mode: "open" });
    root.addEventListener("keydown", (event) => {
      if (event instanceof KeyboardEvent && event.key === "Escape" && this.isOpen && !container) {
        this.toggle(false);
        handle.focus();
      }
    });
    root.append(style, handle, body);
    (container ?? document.body).append(host);
  }

  /** Opens or closes it. */
  toggle(open = !this.isOpen): void {
    this.isOpen = open;
    this.body.hidden = !open;
    this.handle.setAttribute("aria-expanded", String(open));
    this.toggled(open);
  }

  /** Takes it away. */
  remove(): void {
    this.host.remove();
  }

  /** Shows the room as it is now. */
  draw(log: Log): void {
    const { room } = this;
    const { state, reason, code, pending, lag, since, retryAt, canWrite } = room.status;
    const now = Date.now();
    const why = [code, reason].filter(Boolean).join(": ");
    const words = why ? `${state}: ${why}` : state;
    // It is read out when it changes, so it is not to be written again.
    if (this.state.textContent !== words) this.state.textContent = words;
    this.state.dataset.state = state;
    const facts: Facts = [
      ["room", room.name],
      ["for", ago(now - since) + (retryAt === undefined ? "" : `, next attempt in ${ago(retryAt - now)}`)],
      ["rev", `${room.rev}`],
      ["head", `${room.rev + lag}`],
      ["lag", `${lag}`],
      ["pending", `${pending}${canWrite ? "" : ", no updates are taken"}`],
      ["gaps", `${log.gaps.length}`],
      ["snapshots", `${log.snapshots}`],
      ["messages", `${log.received} in, ${log.sent} out`],
      ["client", room.clientId ?? "not known yet"],
      ["epoch", room.epoch ?? "not known yet"],
    ];
    this.facts.show(facts);
    this.pending.show(
      room.pending.slice(0, 20).map((id) => {
        const { at, what = "not sent yet" } = log.sighting(id);
        return [id, `${ago(now - at)}, ${what}`];
      }),
    );
    this.gaps.show(log.gaps.map(row));
    this.lines.show(log.lines.map(row));
  }

  private buttons(): HTMLElement {
    const { room } = this;
    const bar = element("div", "buttons");
    const add = (label: string, press: () => string | Promise<string>) => {
      const button = element("button", "", label);
      button.type = "button";
      button.addEventListener("click", async () => {
        this.notice.textContent = await press();
      });
      bar.append(button);
    };
    const saying = (words: string, press: () => void) => () => {
      press();
      return words;
    };
    add(
      "Reconnect",
      saying("connecting", () => room.reconnect()),
    );
    add(
      "Drop connection",
      saying("dropped, until you reconnect", () => room.disconnect()),
    );
    add(
      "Resync",
      saying("asked for a snapshot", () => room.resync()),
    );
    add("Copy state", async () => {
      try {
        await navigator.clipboard.writeText(JSON.stringify(stateOf(room), undefined, 2));
        return "copied as JSON";
      } catch (error) {
        return `not copied: ${error instanceof Error ? error.message : error}`;
      }
    });
    return bar;
  }
}

const row = ({ at, what, detail }: Line): [string, string] => [
  `${new Date(at).toLocaleTimeString([], { hour12: false })} ${what}`,
  detail,
];

/** A duration in milliseconds for people: `0 s`, `12 s`, `5 min`. */
function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
