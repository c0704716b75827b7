// @vitest-environment happy-dom
import { type ReactNode, StrictMode, useState } from "react";
import { flushSync } from "react-dom";
import { createRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { ConnectOptions, Rec, Room } from "../src/index.js";
import {
  RoomProvider,
  useCollection,
  usePresence,
  useRecord,
  useRoom,
  useRoomContext,
  useStatus,
  useText,
  useUndo,
} from "../src/react.js";
import { undo } from "../src/undo.js";
import { closeRooms, freshName, liveRoom, status, until } from "./support/rooms";
import { type Server, startServer, stopServers } from "./support/server";

let server: Server;
const roots: Root[] = [];

beforeAll(async () => {
  server = await startServer();
});

afterEach(async () => {
  for (const root of roots.splice(0)) flushSync(() => root.unmount());
  document.body.replaceChildren();
  await closeRooms();
});

afterAll(stopServers);

/** Renders `node` into the page, and gives what it is in. */
function render(node: ReactNode): { page: HTMLElement; root: Root } {
  const page = document.createElement("main");
  document.body.append(page);
  const root = createRoot(page);
  roots.push(root);
  flushSync(() => root.render(node));
  return { page, root };
}

/** A room with a card in it, and another client of it. */
async function two(): Promise<[Room, Room]> {
  const room = freshName();
  const ada = await liveRoom(server.url, { room, undo });
  const ben = await liveRoom(server.url, { room, undo });
  await ada.put("cards", "1", { title: "Milk", text: "hello", n: 1 });
  await until(ben, () => ben.get("cards", "1") !== undefined);
  return [ada, ben];
}

/** Waits until both have confirmed the same. */
async function synced(...rooms: Room[]): Promise<void> {
  for (const room of rooms) await until(room, () => room.pending.length === 0);
  const head = Math.max(...(await Promise.all(rooms.map((room) => room.heartbeat()))).map(({ rev }) => rev));
  for (const room of rooms) await until(room, () => room.rev >= head);
}

interface Card {
  title: string;
  text: string;
  n: number;
}

describe("useRoom", () => {
  /** Sockets that keep count of themselves. */
  function counted() {
    const sockets: WebSocket[] = [];
    class Counted extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    return { sockets, WebSocket: Counted };
  }

  let open: Room | undefined;
  function Status(props: { options: ConnectOptions }) {
    const room = useRoom(server.url, props.options);
    open = room;
    return useStatus(room).state;
  }

  test("in strict mode there is one connection, and none when the component is gone", async () => {
    const { sockets, WebSocket } = counted();
    const { page, root } = render(
      <StrictMode>
        <Status options={{ room: freshName(), WebSocket }} />
      </StrictMode>,
    );
    expect(page.textContent).toBe("connecting");
    await vi.waitFor(() => expect(page.textContent).toBe("live"));
    expect(sockets.length).toBe(1);
    const room = open;
    flushSync(() => root.unmount());
    await vi.waitFor(() => expect(room?.status.state).toBe("closed"));
    await vi.waitFor(() => expect(sockets.map((socket) => socket.readyState)).toEqual([WebSocket.CLOSED]));
  });

  test("another room is opened when the name is another, and the first is closed", async () => {
    const { sockets, WebSocket } = counted();
    const rooms = [freshName(), freshName()];
    const { page, root } = render(<Status options={{ room: rooms[0] ?? "", WebSocket }} />);
    await vi.waitFor(() => expect(page.textContent).toBe("live"));
    const first = open;
    flushSync(() => root.render(<Status options={{ room: rooms[1] ?? "", WebSocket }} />));
    await vi.waitFor(() => expect(open?.status.state).toBe("live"));
    expect([first?.name, open?.name]).toEqual(rooms);
    await vi.waitFor(() => expect(first?.status.state).toBe("closed"));
    expect(sockets.length).toBe(2);
    flushSync(() => root.unmount());
    await vi.waitFor(() => expect(open?.status.state).toBe("closed"));
  });

  test("rendering again with other options of the same room opens nothing", async () => {
    const { sockets, WebSocket } = counted();
    const room = freshName();
    const { page, root } = render(<Status options={{ room, WebSocket }} />);
    await vi.waitFor(() => expect(page.textContent).toBe("live"));
    flushSync(() => root.render(<Status options={{ room, WebSocket, token: () => "" }} />));
    expect(page.textContent).toBe("live");
    expect(sockets.length).toBe(1);
  });
});

describe("records", () => {
  test("useRecord renders again when the record changes, and only then", async () => {
    const [ada, ben] = await two();
    let renders = 0;
    function Title() {
      renders++;
      return useRecord<Card>(ada, "cards", "1")?.data.title ?? "none";
    }
    const { page } = render(<Title />);
    expect([page.textContent, renders]).toEqual(["Milk", 1]);
    ben.put("cards", "2", { title: "Bread" });
    ben.put("notes", "1", {});
    ben.presence.set({ name: "Ben" });
    await synced(ada, ben);
    expect(renders).toBe(1);
    ben.set("cards", "1", "/title", "Oat milk");
    await vi.waitFor(() => expect(page.textContent).toBe("Oat milk"));
    expect(renders).toBe(2);
    // Shown at once, and not again when the server accepts it.
    const outcome = ada.set("cards", "1", "/title", "Tea");
    await vi.waitFor(() => expect(page.textContent).toBe("Tea"));
    await outcome;
    await synced(ada, ben);
    ben.delete("cards", "1");
    await vi.waitFor(() => expect(page.textContent).toBe("none"));
  });

  test("useCollection keeps its array while nothing in it changes", async () => {
    const [ada, ben] = await two();
    ben.put("cards", "2", { title: "Bread", n: 2 });
    ben.put("cards", "3", { title: "Apples", n: 3 });
    await synced(ada, ben);
    const seen: (readonly Rec<Card>[])[] = [];
    function Titles(props: { least: number }) {
      const cards = useCollection<Card>(ada, "cards", {
        where: (card) => card.data.n >= props.least,
        sort: (a, b) => a.data.title.localeCompare(b.data.title),
      });
      seen.push(cards);
      return cards.map((card) => card.data.title).join();
    }
    const { page, root } = render(<Titles least={2} />);
    expect(page.textContent).toBe("Apples,Bread");
    ben.set("cards", "1", "/title", "not wanted");
    await synced(ada, ben);
    expect(seen.length).toBe(1);
    flushSync(() => root.render(<Titles least={2} />));
    expect(seen.length).toBe(2);
    expect(seen[1]).toBe(seen[0]);
    ben.set("cards", "2", "/title", "A loaf");
    await vi.waitFor(() => expect(page.textContent).toBe("A loaf,Apples"));
    expect(seen.length).toBe(3);
    flushSync(() => root.render(<Titles least={1} />));
    expect(page.textContent).toBe("A loaf,Apples,not wanted");
    // What did not change is the same object.
    expect(seen[3]?.[1]).toBe(seen[0]?.[0]);
  });

  test("a whole collection is the room's own array", async () => {
    const [ada] = await two();
    let cards: readonly Rec[] = [];
    function Cards() {
      cards = useCollection(ada, "cards");
      return null;
    }
    render(<Cards />);
    expect(cards).toBe(ada.list("cards"));
  });
});

describe("presence, status and context", () => {
  test("usePresence tells of others alone, and what is set reaches them", async () => {
    const [ada, ben] = await two();
    let renders = 0;
    let say: (data: { name: string } | null) => void = () => {};
    function Names() {
      renders++;
      const { others, set } = usePresence<{ name: string }>(ada);
      say = set;
      return [...others.values()].map(({ name }) => name).join();
    }
    const { page } = render(<Names />);
    ben.presence.set({ name: "Ben" });
    await vi.waitFor(() => expect(page.textContent).toBe("Ben"));
    expect(renders).toBe(2);
    say({ name: "Ada" });
    await until(ben, () => [...ben.presence.others.values()].some((data) => data.name === "Ada"));
    await ada.heartbeat();
    expect(renders).toBe(2);
    await ben.close();
    await vi.waitFor(() => expect(page.textContent).toBe(""));
  });

  test("useStatus tells the states, through a provider", async () => {
    const [ada] = await two();
    const states: string[] = [];
    function State() {
      const { state } = useStatus(useRoomContext());
      states.push(state);
      return state;
    }
    const { page } = render(
      <RoomProvider room={ada}>
        <State />
      </RoomProvider>,
    );
    expect(page.textContent).toBe("live");
    ada.disconnect();
    await vi.waitFor(() => expect(page.textContent).toBe("offline"));
    ada.reconnect();
    await vi.waitFor(() => expect(page.textContent).toBe("live"));
  });

  test("useRoomContext says what is missing around it", () => {
    function Lost() {
      useRoomContext();
      return null;
    }
    expect(() => renderToString(<Lost />)).toThrow("RoomProvider");
  });

  test("useUndo says what can be undone, and does it", async () => {
    const [ada, ben] = await two();
    function Buttons() {
      const { canUndo, canRedo, undo, redo } = useUndo(ben);
      return (
        <>
          <button type="button" disabled={!canUndo} onClick={undo} />
          <button type="button" disabled={!canRedo} onClick={redo} />
        </>
      );
    }
    const { page } = render(<Buttons />);
    const [undo, redo] = page.querySelectorAll("button");
    const enabled = () => [undo, redo].map((button) => button?.disabled === false);
    expect(enabled()).toEqual([false, false]);
    ada.set("cards", "1", "/n", 5);
    await synced(ada, ben);
    expect(enabled()).toEqual([false, false]);
    ben.set("cards", "1", "/title", "Tea");
    await vi.waitFor(() => expect(enabled()).toEqual([true, false]));
    undo?.click();
    await vi.waitFor(() => expect(enabled()).toEqual([false, true]));
    expect(ben.get<Card>("cards", "1")?.data).toEqual({ title: "Milk", text: "hello", n: 5 });
    redo?.click();
    await vi.waitFor(() => expect(enabled()).toEqual([true, false]));
    expect(ben.get<Card>("cards", "1")?.data.title).toBe("Tea");
  });
});

describe("useText", () => {
  function Editor(props: {
    room: Room | undefined;
    id?: string;
    shows?: (value: string | undefined) => void;
  }) {
    const { value, bind } = useText(props.room, "cards", props.id ?? "1", "/text");
    props.shows?.(value);
    return <textarea {...bind} />;
  }

  function editor(room: Room): HTMLTextAreaElement {
    const area = render(<Editor room={room} />).page.querySelector("textarea");
    if (!area) throw new Error("no textarea");
    area.focus();
    return area;
  }

  /** What a browser does when the user puts `text` in place of what is selected. */
  function type(area: HTMLTextAreaElement, text: string, at = area.selectionStart, end = at): void {
    const value = area.value.slice(0, at) + text + area.value.slice(end);
    // React watches the property of the element itself to find out what the user did.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(area, value);
    area.setSelectionRange(at + text.length, at + text.length);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const textOf = (room: Room) => room.text("cards", "1", "/text").value;

  test("what is typed goes into the text as a splice, and the caret stays while others type", async () => {
    const [ada, ben] = await two();
    const area = editor(ada);
    expect(area.value).toBe("hello");
    type(area, " world", 5);
    expect(textOf(ada)).toBe("hello world");
    await synced(ada, ben);
    area.setSelectionRange(3, 5, "backward");
    ben.text("cards", "1", "/text").insert(0, ">> ");
    await vi.waitFor(() => expect(area.value).toBe(">> hello world"));
    expect([area.selectionStart, area.selectionEnd, area.selectionDirection]).toEqual([6, 8, "backward"]);
    ben.text("cards", "1", "/text").insert(14, "!");
    await vi.waitFor(() => expect(area.value).toBe(">> hello world!"));
    expect([area.selectionStart, area.selectionEnd]).toEqual([6, 8]);
    type(area, "", 0, 3);
    await synced(ada, ben);
    expect([area.value, textOf(ben)]).toEqual(["hello world!", "hello world!"]);
  });

  test("two people who type at once lose nothing", async () => {
    const [ada, ben] = await two();
    const areas = [editor(ada), editor(ben)];
    for (let i = 0; i < 20; i++) {
      for (const [who, area] of areas.entries()) {
        area.focus();
        type(area, "ab"[who] ?? "", who ? area.value.length : 0);
      }
      if (i % 7 === 6) await synced(ada, ben);
    }
    await synced(ada, ben);
    const text = `${"a".repeat(20)}hello${"b".repeat(20)}`;
    await vi.waitFor(() => expect(areas.map((area) => area.value)).toEqual([text, text]));
  });

  test("what is being composed is left alone until it is done, and then both are there", async () => {
    const [ada, ben] = await two();
    const area = editor(ada);
    area.dispatchEvent(new Event("compositionstart", { bubbles: true }));
    type(area, "に", 5);
    type(area, "にほ", 5, 6);
    expect(textOf(ada)).toBe("hello");
    ben.text("cards", "1", "/text").insert(5, "!");
    await synced(ada, ben);
    ben.text("cards", "1", "/text").insert(0, "HI ");
    await synced(ada, ben);
    expect([area.value, area.selectionStart]).toEqual(["helloにほ", 7]);
    type(area, "日本", 5, 7);
    area.dispatchEvent(new Event("compositionend", { bubbles: true }));
    expect([area.value, textOf(ada)]).toEqual(["HI hello!日本", "HI hello!日本"]);
    expect(area.selectionStart).toBe(11);
    await synced(ada, ben);
    expect(textOf(ben)).toBe("HI hello!日本");
  });

  test("a text that is not there is read only; one that comes and goes is shown", async () => {
    const [ada, ben] = await two();
    const { page } = render(<Editor room={ada} id="2" />);
    const area = page.querySelector("textarea");
    expect([area?.value, area?.readOnly]).toEqual(["", true]);
    ben.put("cards", "2", { text: "new" });
    await vi.waitFor(() => expect([area?.value, area?.readOnly]).toEqual(["new", false]));
    ben.delete("cards", "2");
    await vi.waitFor(() => expect([area?.value, area?.readOnly]).toEqual(["", true]));
  });

  test("another record, or a room that opens later, is shown in the same element", async () => {
    const [ada] = await two();
    await ada.put("cards", "2", { text: "other" });
    const { page, root } = render(<Editor room={undefined} />);
    const area = page.querySelector("textarea");
    expect([area?.value, area?.readOnly]).toEqual(["", true]);
    flushSync(() => root.render(<Editor room={ada} />));
    expect([area?.value, area?.readOnly]).toEqual(["hello", false]);
    flushSync(() => root.render(<Editor room={ada} id="2" />));
    expect(area?.value).toBe("other");
    if (area) type(area, "!", 5);
    expect(ada.get("cards", "2")?.data).toEqual({ text: "other!" });
    expect(textOf(ada)).toBe("hello");
  });

  test("renders again only when the text changes", async () => {
    const [ada, ben] = await two();
    const values: (string | undefined)[] = [];
    render(<Editor room={ada} shows={(value) => values.push(value)} />);
    ben.set("cards", "1", "/n", 7);
    await synced(ada, ben);
    ben.text("cards", "1", "/text").insert(0, "o");
    await vi.waitFor(() => expect(values).toEqual(["hello", "ohello"]));
  });

  test("what the room does not take is not left in the element", async () => {
    const [ada] = await two();
    const area = editor(ada);
    await ada.close();
    const caught = vi.fn((event: ErrorEvent) => event.preventDefault());
    window.addEventListener("error", caught);
    type(area, "x", 0);
    window.removeEventListener("error", caught);
    expect(area.value).toBe("hello");
    expect(caught).toHaveBeenCalledOnce();
  });
});

test("on a server everything is empty", async () => {
  const [ada] = await two();
  function Everything() {
    const [room] = useState(ada);
    const open = useRoom(server.url, { room: "r" });
    const record = useRecord(room, "cards", "1");
    const cards = useCollection(room, "cards");
    const { others } = usePresence(room);
    const { state } = useStatus(room);
    const { value } = useText(room, "cards", "1", "/text");
    const { canUndo } = useUndo(room);
    return JSON.stringify([open, record, cards.length, others.size, state, value, canUndo]);
  }
  const html = renderToString(<Everything />).replaceAll("&quot;", '"');
  expect(html).toBe('[null,null,0,0,"connecting",null,false]');
  await status(ada, "live");
});
