import type { ReactNode } from "react";
import type { Person } from "./people";

/** Who else is at a card, and does what. */
export function Typists({ id, people }: { id: string; people: readonly Person[] }): ReactNode {
  if (people.length === 0) return null;
  return (
    <ul className="typists" data-testid="typists">
      {people.map((person) => (
        <li key={person.client} data-person={person.colour}>
          {person.name} {person.holding === id ? "is moving this" : "is writing"}
        </li>
      ))}
    </ul>
  );
}
