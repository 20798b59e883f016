// The console's own paths, and going from one to the other without loading the page anew. The server
// answers each of them with the page itself.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { page: "topics" }
  | { page: "topic"; topic: string }
  | { page: "clients" }
  | { page: "nowhere" };

const BASE = "/console";
const CHANGED = "rampart:route";

export function parse(pathname: string): Route {
  const parts = pathname.replace(BASE, "").split("/").filter(Boolean);
  if (parts.length === 0 || (parts.length === 1 && parts[0] === "topics"))
    return { page: "topics" };
  if (parts.length === 1 && parts[0] === "clients") return { page: "clients" };
  if (parts.length === 2 && parts[0] === "topics") {
    try {
      return { page: "topic", topic: decodeURIComponent(parts[1] ?? "") };
    } catch {
      return { page: "nowhere" };
    }
  }
  return { page: "nowhere" };
}

export function pathOf(route: Route): string {
  if (route.page === "topic") return `${BASE}/topics/${encodeURIComponent(route.topic)}`;
  return route.page === "nowhere" ? `${BASE}/` : `${BASE}/${route.page}`;
}

export function go(route: Route): void {
  history.pushState(null, "", pathOf(route));
  window.dispatchEvent(new Event(CHANGED));
}

/** Where the browser is. */
export function useRoute(): Route {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    window.addEventListener("popstate", moved);
    window.addEventListener(CHANGED, moved);
    return () => {
      window.removeEventListener("popstate", moved);
      window.removeEventListener(CHANGED, moved);
    };
  }, []);
  return parse(path);
}

/** A link within the console; with a modifier key it is the browser's own. */
export function Link({ to, children }: { to: Route; children: ComponentChildren }) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={pathOf(to)} onClick={follow}>
      {children}
    </a>
  );
}
