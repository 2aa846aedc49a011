import { Problem } from '../../domain/problem.ts';

/** More than any route needs. */
const QUERY_LENGTH_MAX = 2_048;
const PARAMETERS_MAX = 32;

/**
 * The parameters of a query. A repeated parameter becomes a list, which the schemas reject. Takes linear time; Koa's
 * own `ctx.query` searches all parameters once for each of them.
 * @throws Problem validation_failed if the query is too long
 */
export function parseQuery(query: string): Record<string, string | string[]> {
  if (query === '') return {};
  if (query.length > QUERY_LENGTH_MAX) throw tooLong(`${QUERY_LENGTH_MAX} characters`);
  const parameters = new Map<string, string | string[]>();
  let count = 0;
  for (const [name, value] of new URLSearchParams(query)) {
    if (++count > PARAMETERS_MAX) throw tooLong(`${PARAMETERS_MAX} parameters`);
    const earlier = parameters.get(name);
    parameters.set(name, earlier === undefined ? value : [...earlier, value]);
  }
  return Object.fromEntries(parameters);
}

function tooLong(limit: string): Problem {
  return new Problem('validation_failed', `The query may have at most ${limit}.`);
}
