import { z } from 'zod';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { LIST_MAX } from '../http/json-body.ts';
import { type ProblemDocument, ProblemSchema, problemDocument } from '../http/problems.ts';

/**
 * A request is for one item or for a batch. A batch is a list in one member of the body; the response has the outcome
 * of each item at the same index.
 */

/** Returns the single result of a call for one item. @throws Problem if that is the result */
export function single<T>(results: readonly (T | Problem)[]): T {
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`expected one result, but got ${results.length}`);
  if (result instanceof Problem) throw result;
  return result;
}

/**
 * The two schemas of a batch. `documented` describes its items in full. `envelope` is the same without validating the
 * items, so that each invalid item gets its own 400 while the others are processed.
 * @param more further members of the body, besides the list
 */
export function batchOf<
  Field extends string,
  Item extends z.ZodType,
  More extends z.ZodRawShape = Record<never, never>,
>(field: Field, item: Item, id: string, more: More = {} as More) {
  return {
    item,
    documented: z.strictObject({ ...listUnder(field, item), ...more }).meta({ id }),
    envelope: z.strictObject({ ...listUnder(field, z.unknown()), ...more }),
  };
}

function listUnder<Field extends string, Item extends z.ZodType>(field: Field, item: Item) {
  return { [field]: z.array(item).min(1).max(LIST_MAX) } as Record<Field, z.ZodArray<Item>>;
}

/**
 * The response to a batch: for each item the numeric HTTP status that it would have had alone, and its result or
 * problem.
 * @param more further members of the response, besides the results
 */
export function batchAnswerOf(answer: z.ZodObject, id: string, more: z.ZodRawShape = {}) {
  const success = answer
    .extend({ status: z.int().min(200).max(201).meta({ description: '201, or 200 if it existed already.' }) })
    .meta({ id: id.replace('Answer', 'Result') });
  return z.object({ results: z.array(z.union([success, ProblemSchema])), ...more }).meta({ id });
}

type ItemAnswer = { status: number } & Record<string, unknown>;

/**
 * One outcome of a batch. The numeric status replaces a textual `status` of the single response: 200 or 201 conveys the
 * same information.
 */
export function batchItem(
  outcome: { status: number; body: object } | Problem,
  call: { path: string; correlationId: string },
): ItemAnswer | ProblemDocument {
  if (outcome instanceof Problem) return problemDocument(outcome, call.path, call.correlationId);
  return { ...outcome.body, status: outcome.status };
}

/** Runs an action; if it throws a Problem, that becomes the result. Other errors are passed on. */
export function attempt<T>(action: () => T): T | Problem {
  try {
    return action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** Items validated per turn of the event loop: a batch of 1000 would otherwise block all other requests for 20 to 50 ms. */
const ITEMS_PER_TURN = 50;

/** Runs a function on each item, in order; a Problem becomes the item's result. */
export async function attemptEach<Item, T>(
  items: readonly Item[],
  action: (item: Item, index: number) => T,
  clock: Clock,
): Promise<(T | Problem)[]> {
  const results: (T | Problem)[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) await new Promise<void>((resolve) => clock.endOfTurn(resolve));
    results.push(attempt(() => action(item, index)));
  }
  return results;
}

/**
 * Calls `work` once with the items that are not Problems, in order, and puts its results in their places. `work` must
 * return one result per item.
 */
export async function workOnValid<Item extends object, Result>(
  items: readonly (Item | Problem)[],
  work: (valid: readonly Item[]) => Promise<readonly (Result | Problem)[]>,
): Promise<(Result | Problem)[]> {
  const valid = items.filter((item) => !(item instanceof Problem));
  const results = valid.length === 0 ? [] : await work(valid as Item[]);
  if (results.length !== valid.length) throw new Error(`${valid.length} items, but ${results.length} results`);
  let next = 0;
  return items.map((item) => (item instanceof Problem ? item : (results[next++] as Result | Problem)));
}
