import type { Books } from '../../verification/checker/books.ts';
import { checkEvents } from '../../verification/checker/check-events.ts';
import { now, sleep } from '../../verification/harness/time.ts';
import type { FeedConsumer } from '../../verification/load/feed-consumer.ts';

/** How long the events may take after everything is in MySQL. */
const EVENTS_MS_MAX = 60_000;
const FAULTS_SHOWN_MAX = 5;

/** Waits until a consumer of the change feed has all events, and compares them with the books. */
export async function eventFaults(
  consumer: FeedConsumer,
  books: Books,
  { prefix, notes }: { prefix: string; notes: string[] },
): Promise<string[]> {
  const faults = () => checkEvents(consumer.events, books, prefix).map(({ what }) => what);
  const giveUpAt = now() + EVENTS_MS_MAX;
  while (faults().length > 0 && now() < giveUpAt) await sleep(500);
  await consumer.stop();
  notes.push(`${consumer.events.length} events, received by a consumer that was killed ${consumer.kills} times`);
  return faults().slice(0, FAULTS_SHOWN_MAX);
}
