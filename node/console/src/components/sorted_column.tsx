// The head of a column that sorts its table.
import type { ComponentChildren } from "preact";

export interface Sorting<C extends string> {
  by: C;
  isDescending: boolean;
}

interface Props<C extends string> {
  column: C;
  sorting: Sorting<C>;
  onSort: (sorting: Sorting<C>) => void;
  isNumber?: boolean;
  children: ComponentChildren;
}

export function SortedColumn<C extends string>(props: Props<C>) {
  const isOwn = props.sorting.by === props.column;
  const direction = props.sorting.isDescending ? "descending" : "ascending";
  const sort = () =>
    props.onSort({ by: props.column, isDescending: isOwn && !props.sorting.isDescending });
  return (
    <th
      scope="col"
      aria-sort={isOwn ? direction : "none"}
      class={props.isNumber ? "num" : undefined}
    >
      <button type="button" class="sort" onClick={sort}>
        {props.children}
        <span aria-hidden="true">{isOwn ? (props.sorting.isDescending ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
}
