import { anyObject } from '../calls.ts';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** The items of a list. Each page is requested when its items are needed. A page before the last one may be empty. */
export async function* pages<Item>(
  pageAt: (cursor: string | undefined) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | undefined;
  for (;;) {
    const { items, nextCursor } = await pageAt(cursor);
    yield* items;
    if (nextCursor === null || nextCursor === undefined) return;
    // Following a cursor that leads to itself would never end.
    if (nextCursor === cursor) throw new Error('the service returned the same cursor twice');
    cursor = nextCursor;
  }
}

/** Returns the body if it is a page of a list. */
export function listIn<List extends { items: readonly unknown[] }>(body: unknown): List | null {
  const list = anyObject<List>(body);
  return list && Array.isArray(list.items) ? list : null;
}
