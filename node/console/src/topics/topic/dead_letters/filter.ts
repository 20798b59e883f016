// Which dead records are meant: what was typed as the API's filter.
import type { DeadFilter } from "../../../api/dead_letters";
import { wholeNumber } from "../../../components/field";

export interface FilterForm {
  partition: string;
  offset: string;
  error: string;
  key: string;
  contains: string;
}

export const EVERYTHING: FilterForm = {
  partition: "",
  offset: "",
  error: "",
  key: "",
  contains: "",
};

/** What is no number where one is wanted. */
export function objectionsOf(form: FilterForm): Partial<Record<keyof FilterForm, string>> {
  const isNumber = (text: string) => text.trim() === "" || wholeNumber(text, 0) !== undefined;
  const about = "A whole number, 0 or more.";
  return {
    ...(isNumber(form.partition) ? {} : { partition: about }),
    ...(isNumber(form.offset) ? {} : { offset: about }),
  };
}

/** Empty fields don't filter. Texts are sent as they are: also white space can be what is looked for. */
export function filterOf(form: FilterForm): DeadFilter {
  const partition = wholeNumber(form.partition, 0);
  const offset = wholeNumber(form.offset, 0);
  return {
    ...(partition === undefined ? {} : { partition }),
    ...(offset === undefined ? {} : { offset }),
    ...(form.error === "" ? {} : { error: form.error }),
    ...(form.key === "" ? {} : { key: form.key }),
    ...(form.contains === "" ? {} : { contains: form.contains }),
  };
}

/** The filter in words: `partition 3, error with “timeout”`; nothing where everything is meant. */
export function inWords(filter: DeadFilter): string {
  const words = [
    typeof filter.partition === "number" && `partition ${filter.partition}`,
    typeof filter.offset === "number" && `offset ${filter.offset}`,
    filter.error && `error with “${filter.error}”`,
    filter.key && `key “${filter.key}”`,
    filter.contains && `value with “${filter.contains}”`,
  ];
  return words.filter(Boolean).join(", ");
}
