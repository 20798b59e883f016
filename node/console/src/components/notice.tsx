// What was just done, said once at the top of the page and to screen readers, until put away.
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const Announce = createContext<(text: string) => void>(() => {});

/** Says what was done. */
export function useAnnounce(): (text: string) => void {
  return useContext(Announce);
}

export function DoneNotice({ text, onClose }: { text: string; onClose: () => void }) {
  return (
    <div class="done-place" role="status" aria-live="polite">
      {text && (
        <div class="notice notice-done">
          <span>{text}</span>
          <button type="button" class="quiet" onClick={onClose} aria-label="Dismiss">
            ✕
          </button>
        </div>
      )}
    </div>
  );
}
