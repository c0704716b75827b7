import type { ReactNode } from "react";
import { useUndo } from "revring/react";
import { Icon, type IconName } from "./icons";
import { PeoplePanel } from "./PeoplePanel";
import { RoomPanel } from "./RoomPanel";
import { StatusChip } from "./StatusChip";
import { useSession } from "./session";

interface Props {
  inspecting: boolean;
  inspect: () => void;
  visit: (room: string) => void;
}

/** The bar above the board. */
export function Header({ inspecting, inspect, visit }: Props): ReactNode {
  return (
    <header className="header">
      <RoomPanel visit={visit} />
      <StatusChip />
      <div className="tools">
        <UndoButtons />
        <button
          type="button"
          className="icon-button"
          aria-label="Inspector"
          aria-expanded={inspecting}
          title="Inspector"
          data-testid="inspect"
          onClick={inspect}
        >
          <Icon name="inspect" />
        </button>
        <PeoplePanel />
      </div>
    </header>
  );
}

function UndoButtons(): ReactNode {
  const { room, model } = useSession();
  const { canUndo, canRedo } = useUndo(room);
  return (
    <>
      <ToolButton label="Undo" icon="undo" keys="Control+Z" enabled={canUndo} run={() => model.undo()} />
      <ToolButton
        label="Redo"
        icon="redo"
        keys="Control+Shift+Z"
        enabled={canRedo}
        run={() => model.redo()}
      />
    </>
  );
}

function ToolButton(props: {
  label: string;
  icon: IconName;
  keys: string;
  enabled: boolean;
  run: () => void;
}): ReactNode {
  const { label, icon, keys, enabled, run } = props;
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      aria-keyshortcuts={keys}
      // A button that is disabled loses the focus of those who press it by keyboard.
      aria-disabled={!enabled}
      title={`${label} (${keys.replace("Control", "Ctrl")})`}
      data-testid={label.toLowerCase()}
      onClick={() => enabled && run()}
    >
      <Icon name={icon} />
    </button>
  );
}
