import { memo, type ReactNode } from "react";
import { focusCard } from "./focus";
import { Menu, type MenuGroup } from "./Menu";
import { placeAt } from "./places";
import { COLOURS, titleOf } from "./records";
import { type Session, useSession } from "./session";
import { neighbour } from "./use-card-keys";

/** What can be done with a card, moving it included, for those who do not drag. */
export const CardMenu = memo(function CardMenu(props: {
  id: string;
  name: string;
  tabbable: boolean;
}): ReactNode {
  const session = useSession();
  const { id, name, tabbable } = props;
  return (
    <Menu
      label={`Actions for “${name}”`}
      icon="more"
      tabbable={tabbable}
      testId="card-menu"
      groups={() => groupsFor(id, session)}
    />
  );
});

function groupsFor(id: string, session: Session): MenuGroup[] {
  const { model, editing, lineup } = session;
  const card = model.card(id);
  if (!card) return [];
  const ids = lineup.cardsIn(card.column);
  const deleteCard = () => {
    model.deleteCard(id);
    focusCard(neighbour(ids, id), card.column);
  };
  return [
    { items: [{ label: "Edit text", run: () => editing.open(id) }] },
    { heading: "Move to", items: moves(id, card.column, ids, session) },
    {
      heading: "Label",
      row: true,
      items: ["", ...COLOURS].map((colour) => ({
        label: colour === "" ? "No label" : `${colour[0]?.toUpperCase()}${colour.slice(1)}`,
        swatch: colour,
        checked: card.colour === colour,
        run: () => model.paintCard(id, colour),
      })),
    },
    { items: [{ label: "Delete card", danger: true, run: deleteCard }] },
  ];
}

function moves(id: string, column: string, ids: readonly string[], session: Session) {
  const { model, lineup, announcer } = session;
  const rest = ids.filter((other) => other !== id);
  const index = ids.indexOf(id);
  const move = (to: string, at: number, words: string) => () => {
    const others = lineup.cardsIn(to).filter((other) => other !== id);
    model.moveCard(id, to, placeAt(others, at));
    announcer.say(`Moved ${words}.`);
    focusCard(id);
  };
  const along = [
    ...(index > 0 ? [{ label: "Top of this column", run: move(column, 0, "to the top") }] : []),
    ...(index > 0 ? [{ label: "One up", run: move(column, index - 1, "one up") }] : []),
    ...(index >= 0 && index < rest.length
      ? [{ label: "One down", run: move(column, index + 1, "one down") }]
      : []),
  ];
  const others = lineup.columns.filter((other) => other.id !== column);
  return [
    ...others.map((other) => ({ label: titleOf(other), run: move(other.id, 0, `to ${titleOf(other)}`) })),
    ...along,
  ];
}
