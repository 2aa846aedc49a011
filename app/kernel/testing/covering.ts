import fc from 'fast-check';

/** How often a property is tried again, in smaller and smaller cases, once it has failed. */
const SHRINKING_TRIES_MAX = 300;
const ROUNDS_MAX = 20;

/**
 * Ends the search for a smaller counterexample after a number of tries: each costs as much as a run. A limit in time
 * would also end a run that only is slow.
 */
export function shrinkingAtMost<T extends unknown[]>(
  body: (...values: T) => Promise<void>,
  triesMax = SHRINKING_TRIES_MAX,
): (...values: T) => Promise<void> {
  let tries = -1;
  return async (...values) => {
    if (tries >= triesMax) return;
    if (tries >= 0) tries += 1;
    try {
      await body(...values);
    } catch (error) {
      tries = Math.max(tries, 0);
      throw error;
    }
  };
}

/**
 * Checks a property of random cases, again and again until together they have covered what makes the test meaningful:
 * a fixed number of cases leaves a rare kind out once in a while.
 *
 * @param missing what the cases so far have not covered
 */
export async function assertCovering<T extends unknown[]>(
  property: fc.IAsyncPropertyWithHooks<T> | fc.IPropertyWithHooks<T>,
  parameters: fc.Parameters<T>,
  missing: () => readonly string[],
): Promise<void> {
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    await fc.assert(property as fc.IAsyncProperty<T>, parameters);
    if (missing().length === 0) return;
  }
  throw new Error(`no case has covered: ${missing().join(', ')}`);
}

/** The names of the counts that are below their minimum. */
export function below<K extends string>(counts: Readonly<Record<K, number>>, minima: Readonly<Record<K, number>>): K[] {
  return (Object.keys(minima) as K[]).filter((name) => counts[name] < minima[name]);
}
