// Many questions, a few at a time.

/** The answers in the order of the questions; the first failure ends it. */
export async function atOnce<T, R>(
  items: readonly T[],
  max: number,
  ask: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers = new Array<R>(items.length);
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) answers[index] = await ask(item);
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, worker));
  return answers;
}
