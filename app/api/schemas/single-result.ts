import { Problem } from '../../domain/problem.ts';

/**
 * Returns the single result of a call for one item. A problem gets the id of the item's transfer: a client whose id was
 * generated here could not look it up otherwise.
 * @throws Problem if that is the result
 */
export function single<T>(results: readonly (T | Problem | undefined)[], transactionId?: string): T {
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`expected one result, but got ${results.length}`);
  if (!(result instanceof Problem)) return result;
  if (transactionId === undefined || result.extras.transactionId !== undefined) throw result;
  throw new Problem(result.code, result.message, { ...result.extras, transactionId }, { cause: result });
}
