import { Problem, type ProblemCode } from '../domain/problem.ts';

/**
 * The answer of the only shard that has an item. Every shard is queried, because an id does not show its shard.
 * @param absent the problem code of a shard that does not have the item
 * @throws Problem `ambiguous` if several shards have the item; `absent` only if every shard has returned it; otherwise the
 * Problem of a shard that could not answer
 */
export async function onlyAnswer<S, A>(
  shards: readonly S[],
  ask: (shard: S) => Promise<A>,
  { absent, ambiguous }: { absent: ProblemCode; ambiguous: () => Problem },
): Promise<A> {
  const asked = await Promise.allSettled(shards.map(ask));
  // A transfer that is still on its way is an answer, too.
  const isPending = (error: unknown) => error instanceof Problem && error.code === 'transfer_pending';
  const found = asked.filter((answer) => answer.status === 'fulfilled' || isPending(answer.reason));
  if (found.length > 1) throw ambiguous();
  const failures = asked.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  const [only] = found;
  if (only?.status === 'fulfilled') return only.value;
  const isAbsent = (error: unknown) => error instanceof Problem && error.code === absent;
  throw only?.reason ?? failures.find((error) => !isAbsent(error)) ?? failures[0];
}
