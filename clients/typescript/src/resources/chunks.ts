/** Divides a list of any length into chunks of limited size, and works on several of them at the same time. */

const encoder = new TextEncoder();

/**
 * @param textOf what an item adds to the body
 * @param max per chunk; an item that is longer than `bytes` is a chunk of its own
 */
export async function* chunksOf<Source, Item>(
  sources: Iterable<Source> | AsyncIterable<Source>,
  itemOf: (source: Source) => Item,
  textOf: (item: Item) => string,
  max: { items: number; bytes: number },
): AsyncGenerator<Item[], void, undefined> {
  let chunk: Item[] = [];
  let bytes = 0;
  for await (const source of sources) {
    const item = itemOf(source);
    const itemBytes = encoder.encode(textOf(item)).byteLength + 1;
    if (chunk.length === max.items || (chunk.length > 0 && bytes + itemBytes > max.bytes)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += itemBytes;
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * The results of `work` in the order of the chunks, with up to `together` of them in progress. `work` must not reject.
 * If the source fails, the results of what has been sent come first.
 */
export async function* inOrder<Chunk, Result>(
  chunks: AsyncIterator<Chunk>,
  work: (chunk: Chunk) => Promise<Result>,
  together: number,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  let failure: { error: unknown } | null = null;
  try {
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        failure = { error };
        return { done: true } as const;
      });
      if (next.done) break;
      running.push(work(next.value));
      const first = running.length < together ? undefined : running.shift();
      if (first) yield await first;
    }
    for (const result of running) yield await result;
  } finally {
    await chunks.return?.();
  }
  if (failure) throw (failure as { error: unknown }).error;
}
