import { type ReactNode, useEffect, useState } from "react";
import { Icon } from "./icons";
import { useSession } from "./session";
import { useSignal } from "./signal";
import type { Toast } from "./toasts";

const SHOWN_MS = 8_000;

/** Short messages at the lower edge. They wait while one looks at them. */
export function ToastList(): ReactNode {
  const { toasts } = useSession();
  const list = useSignal(toasts, () => toasts.list);
  const [held, setHeld] = useState(false);
  return (
    <section
      className="toasts"
      aria-label="Messages"
      aria-live="polite"
      data-testid="toasts"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      {list.map((toast) => (
        <ToastItem key={toast.key} toast={toast} held={held} dismiss={() => toasts.dismiss(toast.key)} />
      ))}
    </section>
  );
}

function ToastItem({
  toast,
  held,
  dismiss,
}: {
  toast: Toast;
  held: boolean;
  dismiss: () => void;
}): ReactNode {
  const { toasts } = useSession();
  const { key, text, action, stays } = toast;
  useEffect(() => {
    if (held || stays) return;
    const timer = setTimeout(() => toasts.dismiss(key), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held, stays, toasts, key]);
  const run = () => {
    dismiss();
    action?.run();
  };
  return (
    <div className="toast">
      <p>{text}</p>
      {action && (
        <button type="button" className="toast-action" onClick={run}>
          {action.label}
        </button>
      )}
      <button type="button" className="icon-button" aria-label="Dismiss" onClick={dismiss}>
        <Icon name="close" />
      </button>
    </div>
  );
}
