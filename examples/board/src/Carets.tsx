import { Fragment, memo, type ReactNode, useRef } from "react";
import type { Person } from "./people";
import { useSession } from "./session";

interface Mark {
  readonly at: number;
  readonly from: number;
  readonly colour: number;
  readonly client: string;
}

/** A text, with the carets and selections of those who write in it. */
export const Carets = memo(function Carets({
  id,
  text,
  people,
}: {
  id: string;
  text: string;
  people: readonly Person[];
}): ReactNode {
  const { room } = useSession();
  // What they said of their carets was about the text as it was then.
  const said = useRef({ people, text });
  if (said.current.people !== people) said.current = { people, text };
  const before = said.current.text;
  const marks = marksOf(people, (at) => {
    const known = Math.min(at, before.length);
    return before === text ? known : room.text("cards", id, "/text").map(known, before, text);
  });
  if (marks.length === 0) return text;
  const cuts = [...new Set([0, ...marks.flatMap(({ from, at }) => [from, at]), text.length])].sort(
    (a, b) => a - b,
  );
  return cuts.map((cut, i) => {
    const next = cuts[i + 1] ?? cut;
    const selected = marks.find((mark) => mark.from < next && mark.at > cut && next > cut);
    return (
      <Fragment key={cut}>
        {marks.map(
          (mark) => mark.at === cut && <i key={mark.client} className="caret" data-person={mark.colour} />,
        )}
        {next > cut && (
          <span className={selected && "selected"} data-person={selected?.colour}>
            {text.slice(cut, next)}
          </span>
        )}
      </Fragment>
    );
  });
});

function marksOf(people: readonly Person[], place: (at: number) => number): Mark[] {
  return people.flatMap(({ client, colour, caret }) =>
    caret ? [{ client, colour, from: place(caret.from), at: place(caret.to) }] : [],
  );
}
