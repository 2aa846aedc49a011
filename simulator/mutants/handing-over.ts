import type { HandOverChunk } from '../../app/authority/authority-ports.ts';
import { Problem } from '../../app/domain/problem.ts';
import { CacheError, type CallItem, isGroup, isHold } from '../../app/journal/cache-port.ts';
import { keyOfItem } from '../../app/journal/hold-codec.ts';
import type { JournalEntry } from '../../app/journal/journal-entry.ts';
import type { EpochView } from '../../app/ledger/epoch/epoch-view.ts';
import { TIMES } from '../world/settings.ts';
import { type Mutant, pods, replaced } from './mutant.ts';

/** Rules about what pods hand over to MySQL when an epoch ends, and how they answer clients during that time. */
export const HANDING_OVER: Mutant[] = [
  {
    name: 'hand-over-without-tail',
    rule: 'A pod hands over everything that it has received.',
    theme: 'lostReplies',
    assembly: pods(({ handOverStore }) => ({
      handOverStore: replaced(handOverStore, {
        keep: (epoch, podId, chunk) => handOverStore.keep(epoch, podId, { ...chunk, entries: [] }),
      }),
    })),
  },
  {
    name: 'hand-over-without-replays',
    rule: 'Every answer with an outcome, including a replay, adds its entry to the tail of the pod that received it.',
    theme: 'lostReplies',
    assembly: pods(({ handOverStore, cache }) => {
      const own = new Set<number>();
      const keepOwn = (entries: readonly JournalEntry[]) => {
        for (const { firstSeq } of entries) own.add(firstSeq);
      };
      return {
        cache: replaced(cache, {
          async apply(caller, items, podNow) {
            const reply = await cache.apply(caller, items, podNow);
            keepOwn(reply.entries);
            return reply;
          },
          async change(caller, command) {
            const reply = await cache.change(caller, command);
            keepOwn(reply.entries);
            return reply;
          },
        }),
        handOverStore: replaced(handOverStore, {
          keep(epoch, podId, chunk) {
            const entries = chunk.entries.filter(({ firstSeq }) => own.has(firstSeq));
            return handOverStore.keep(epoch, podId, { ...chunk, entries });
          },
        }),
      };
    }),
  },
  {
    name: 'hand-over-without-in-doubt-attempts',
    rule: 'In-doubt attempts are handed over.',
    theme: 'lostReplies',
    assembly: pods(({ handOverStore }) => ({
      handOverStore: replaced(handOverStore, {
        keep: (epoch, podId, chunk) => handOverStore.keep(epoch, podId, { ...chunk, inDoubt: [] }),
      }),
    })),
  },
  {
    name: 'hand-over-without-observed',
    rule: 'The highest seq that any answer of a pod depended on is handed over.',
    theme: 'lostReplies',
    assembly: pods(({ handOverStore, authority }) => ({
      handOverStore: replaced(handOverStore, { complete: (epoch, podIds) => handOverStore.complete(epoch, podIds, 0) }),
      authority: replaced(authority, {
        heartbeat: (report) =>
          authority.heartbeat({
            ...report,
            registration: report.registration && { ...report.registration, observed: 0 },
          }),
      }),
    })),
  },
  {
    name: 'hand-over-complete-before-its-parts',
    rule: 'The last part carries the completion mark; only a complete hand-over counts.',
    theme: 'divided',
    assembly: pods(({ handOverStore }) => {
      const parts: [number, string, HandOverChunk][] = [];
      return {
        handOverStore: {
          keep: async (...part) => void parts.push(part),
          async complete(epoch, podIds, observed) {
            await handOverStore.complete(epoch, podIds, observed);
            for (const part of parts) await handOverStore.keep(...part);
          },
        },
      };
    }),
  },
  {
    name: 'answers-after-the-hand-over',
    rule: 'After the hand-over, all replies of the epoch are ignored, including refusals and replies to reads.',
    theme: 'divided',
    assembly: pods(() => ({
      cut: () => {},
      session(session) {
        let last: EpochView | null = null;
        return replaced(session, {
          view() {
            last = session.view() ?? last;
            return session.direct() === null ? last : null;
          },
        });
      },
    })),
  },
  {
    name: 'timed-out-means-not-done',
    rule: 'An attempt is in doubt until a reply proves that it wrote nothing.',
    theme: 'divided',
    assembly: pods(({ cache }) => ({
      cache: replaced(cache, {
        apply: (caller, items, podNow) => cache.apply(caller, items, podNow).catch(notDone),
        change: (caller, command) => cache.change(caller, command).catch(notDone),
      }),
    })),
  },
  {
    name: 'attempts-forgotten-with-their-requests',
    rule: 'An attempt stays in doubt after its request has ended.',
    theme: 'forgotten',
    assembly: pods(({ cache, handOverStore }, _mysql, clock) => {
      const sentAt = new Map<string, number>();
      return {
        cache: replaced(cache, {
          apply(caller, items, podNow) {
            for (const item of items) {
              const id = idOf(item);
              if (!sentAt.has(id)) sentAt.set(id, clock.monotonic());
            }
            return cache.apply(caller, items, podNow);
          },
        }),
        handOverStore: replaced(handOverStore, {
          keep(epoch, podId, chunk) {
            const since = clock.monotonic() - TIMES.requestTimeoutMs;
            const inDoubt = chunk.inDoubt.filter(({ id, groupId }) => (sentAt.get(groupId ?? id) ?? since) > since);
            return handOverStore.keep(epoch, podId, { ...chunk, inDoubt });
          },
        }),
      };
    }),
  },
  {
    name: 'unknown-answered-as-503',
    rule: 'If any attempt of a request has left the pod, the request gets 504 at its deadline, never 503.',
    theme: 'anything',
    assembly: pods(() => ({
      ledger: (ledger) =>
        replaced(ledger, {
          async apply(orders, durability) {
            const answers = await ledger.apply(orders, durability);
            return answers.map((answer) =>
              answer instanceof Problem && answer.code === 'outcome_unknown'
                ? new Problem('ledger_switching', 'not done')
                : answer,
            );
          },
        }),
    })),
  },
];

function notDone(error: unknown): never {
  if (error instanceof CacheError && error.kind === 'in_doubt') throw new CacheError('not_sent', error.reason);
  throw error;
}

function idOf(item: CallItem): string {
  if (isGroup(item)) return item.group.groupId;
  return isHold(item) ? keyOfItem(item.hold) : item.order.transactionId;
}
