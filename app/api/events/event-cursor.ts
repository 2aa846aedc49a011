import type { FeedStart } from '../../ledger/ports/feed.ts';
import { startOf as startIn } from '../../ledger/ports/feed-position.ts';
import { invalid } from '../http/validation.ts';

/** @param pointer where the text was given @throws Problem validation_failed */
export function startOf(text: string, shards: number, pointer: string): FeedStart {
  const start = startIn(text, shards);
  if (start === null)
    throw invalid([{ pointer, detail: 'must be a position from an earlier response, `oldest` or `latest`' }]);
  return start;
}
