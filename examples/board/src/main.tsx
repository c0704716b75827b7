import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/header.css";
import "./styles/board.css";
import "./styles/column.css";
import "./styles/card.css";
import "./styles/panels.css";
import "./styles/edges.css";

const root = document.getElementById("app");
if (!root) throw new Error("the page has no place for the board");
createRoot(root).render(<App />);
