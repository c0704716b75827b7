import { type ReactNode, useState } from "react";
import { focusColumn } from "./focus";
import { Icon } from "./icons";
import { useSession } from "./session";
import { TitleField } from "./TitleField";

/** Adds a column at the end of the board. */
export function AddColumn(): ReactNode {
  const { model } = useSession();
  const [open, setOpen] = useState(false);
  const add = (title: string | undefined) => {
    setOpen(false);
    if (title !== undefined) focusColumn(model.addColumn(title));
  };
  return (
    <div className="add-column">
      {open ? (
        <div className="column">
          <div className="column-header">
            <TitleField label="Title of the new column" value="" done={add} placeholder="Title" />
          </div>
        </div>
      ) : (
        <button
          type="button"
          className="add-column-button"
          data-testid="add-column"
          onClick={() => setOpen(true)}
        >
          <Icon name="plus" />
          Add a column
        </button>
      )}
    </div>
  );
}
