// Puts the console into its page.
import { render } from "preact";
import { App } from "./app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";
import "./styles/groups.css";

const place = document.getElementById("app");
if (place) render(<App />, place);
