import { Problem } from '../../domain/problem.ts';

/**
 * The one result of a call for one item. With the id of the item's transfer, which a problem then carries: a client that
 * let us make the id could not ask for it otherwise.
 * @throws Problem when that is what stands in its place
 */
export function only<T>(results: readonly (T | Problem | undefined)[], transactionId?: string): T {
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`one result expected, but got ${results.length}`);
  if (!(result instanceof Problem)) return result;
  if (transactionId === undefined || result.extras.transactionId !== undefined) throw result;
  throw new Problem(result.code, result.message, { ...result.extras, transactionId }, { cause: result });
}
