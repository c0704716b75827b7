import { Signal } from "./signal";

/** What a toast offers to do. */
export interface ToastAction {
  readonly label: string;
  readonly run: () => void;
}

/** A short message that goes away by itself. */
export interface Toast {
  readonly key: string;
  readonly text: string;
  readonly action?: ToastAction | undefined;
  /** It stays until it is dismissed: somebody's work depends on it. */
  readonly stays?: boolean;
}

const MOST = 4;

/** The messages on the screen. */
export class Toasts extends Signal {
  list: readonly Toast[] = [];

  /** Shows a toast, in place of an earlier one with the same key. */
  show(toast: Toast): void {
    const others = this.list.filter(({ key }) => key !== toast.key);
    const room = Math.max(0, others.length + 1 - MOST);
    const leaving = others.filter(({ stays }) => !stays).slice(0, room);
    this.list = [...others.filter((other) => !leaving.includes(other)), toast];
    this.emit();
  }

  dismiss(key: string): void {
    if (!this.list.some((toast) => toast.key === key)) return;
    this.list = this.list.filter((toast) => toast.key !== key);
    this.emit();
  }
}
