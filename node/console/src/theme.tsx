// Light or dark: the system's choice unless this browser was told otherwise.
import { useEffect, useState } from "preact/hooks";

const KEY = "rampart.theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

export function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>(stored);

  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // A browser without storage forgets the choice, which is all.
    }
  }, [theme]);

  return (
    <label class="theme">
      <span class="visually-hidden">Theme</span>
      <select
        value={theme}
        onChange={(event) => setTheme(event.currentTarget.value as Theme)}
        aria-label="Theme"
      >
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function stored(): Theme {
  try {
    const theme = localStorage.getItem(KEY);
    return THEMES.find((name) => name === theme) ?? "system";
  } catch {
    return "system";
  }
}
