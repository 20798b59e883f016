// The fields of a filter of dead records.
import { Field } from "../../../components/field";
import { type FilterForm, objectionsOf } from "./filter";

interface Props {
  form: FilterForm;
  onForm: (form: FilterForm) => void;
  isLocked: boolean;
}

export function FilterFields({ form, onForm, isLocked }: Props) {
  const wrong = objectionsOf(form);
  const field = (name: keyof FilterForm) => ({
    value: form[name],
    onInput: (value: string) => onForm({ ...form, [name]: value }),
    problem: wrong[name],
    isLocked,
    isMono: true,
  });
  return (
    <div class="fields">
      <Field label="Error has" {...field("error")} />
      <Field label="Value has" {...field("contains")} />
      <Field label="Key is" {...field("key")} />
      <Field label="From partition" placeholder="any" {...field("partition")} />
      <Field label="From offset" placeholder="any" {...field("offset")} />
    </div>
  );
}
