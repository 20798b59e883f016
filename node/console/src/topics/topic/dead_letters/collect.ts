// A page of dead records out of slices that may have none that match: the server goes through so many
// records in each, and says where to go on.
import type { DeadRecord, DeadRecords } from "../../../api/dead_letters";

export interface Page {
  records: DeadRecord[];
  /** Where to go on; nothing at the end. */
  next: string | undefined;
}

interface Collect {
  ask: (cursor: string | undefined) => Promise<DeadRecords>;
  /** Records that make a page. */
  want: number;
  from: string | undefined;
  onProgress: (page: Page) => void;
  signal: AbortSignal;
}

export async function collect(wish: Collect): Promise<Page> {
  let page: Page = { records: [], next: wish.from };
  do {
    const slice = await wish.ask(page.next);
    const next = slice.next_cursor ?? undefined;
    if (next !== undefined && next === page.next) {
      throw new Error("the server names the same place again");
    }
    page = { records: [...page.records, ...slice.records], next };
    if (wish.signal.aborted) break;
    wish.onProgress(page);
  } while (page.next !== undefined && page.records.length < wish.want);
  return page;
}
