/** How the inspector looks, by day and by night, from 320 pixels on. */
export const STYLE = `
:host {
  all: initial;
  display: block;
  color-scheme: light dark;
  --ink: #1c1e21;
  --soft: #5a6068;
  --paper: #ffffff;
  --line: #d5d9de;
  --good: #146c2e;
  --bad: #b3261e;
  --focus: #0b57d0;
  color: var(--ink);
  font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :host {
    --ink: #e8eaed;
    --soft: #a5acb5;
    --paper: #1e2124;
    --line: #3b4046;
    --good: #6dd58c;
    --bad: #f2b8b5;
    --focus: #a8c7fa;
  }
}
:host([floating]) {
  position: fixed;
  right: 8px;
  bottom: 8px;
  z-index: 2147483647;
  max-width: calc(100vw - 16px);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
button {
  font: inherit;
  color: inherit;
  background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 6px;
  padding: 4px 8px;
  min-height: 28px;
  cursor: pointer;
}
button:hover { border-color: var(--soft); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
.handle { display: block; }
:host([floating]) .handle { margin-left: auto; }
.body {
  margin-top: 4px;
  padding: 8px 10px;
  background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 8px;
}
:host([floating]) .body {
  width: 380px;
  max-width: 100%;
  max-height: min(70vh, 560px);
  overflow: auto;
  box-shadow: 0 4px 20px rgb(0 0 0 / 25%);
}
p, h2, dl, ul, dd { margin: 0; padding: 0; }
.state { font-weight: 600; overflow-wrap: anywhere; }
.state::before { content: "●"; margin-right: 6px; color: var(--bad); }
.state[data-state="live"]::before { color: var(--good); }
.state[data-state="connecting"]::before, .state[data-state="syncing"]::before { color: var(--soft); }
.buttons { display: flex; flex-wrap: wrap; gap: 4px; margin: 8px 0; }
.notice { color: var(--soft); }
.notice:empty { display: none; }
.section { margin-top: 8px; border-top: 1px solid var(--line); padding-top: 6px; }
h2 { font: inherit; font-weight: 600; color: var(--soft); }
ul { list-style: none; }
.row { overflow-wrap: anywhere; }
dl .row { display: grid; grid-template-columns: 7em 1fr; }
dt, span { color: var(--soft); }
b { font-weight: 600; }
`;
