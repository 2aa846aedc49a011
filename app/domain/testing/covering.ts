import fc from 'fast-check';

/** The maximum number of smaller cases that are tried once a property has failed. */
const SHRINKING_TRIES_MAX = 300;
const ROUNDS_MAX = 20;

/**
 * Ends the search for a smaller counterexample after a number of tries: each costs as much as a run. A time limit would
 * also end a run that is only slow.
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
 * Checks a property with random cases, in rounds, until all the cases together have covered what makes the test
 * meaningful. A fixed number of cases would occasionally miss a rare kind.
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
