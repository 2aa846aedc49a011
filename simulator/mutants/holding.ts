import type { HoldAfter, StoredHold } from '../../app/domain/hold-types.ts';
import { leftOf, stateOf } from '../../app/domain/holds.ts';
import type { Account } from '../../app/domain/types.ts';
import type { Caller, CallItem } from '../../app/journal/cache-port.ts';
import { RecordStatus } from '../../app/journal/codec.ts';
import type { FlushBatch } from '../../app/journal/flush-batch.ts';
import { decideHold, type HoldDecision, type HoldParties } from '../../app/journal/hold-decision.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { HOLD_RULES, type HoldRules } from '../../app/journal/testing/model-holds.ts';
import { DirectTables } from '../mysql/direct-tables.ts';
import type { MysqlServer } from '../mysql/mysql-server.ts';
import type { Assembly } from '../world/ports.ts';
import { keepers, type Mutant, pods, replaced, scripts } from './mutant.ts';

/** Replaces some of the rules about holds in the model of the scripts. */
function holdRules(rules: Partial<HoldRules>): Assembly {
  return scripts(
    class extends CacheModel {
      override holdRules: HoldRules = { ...HOLD_RULES, ...rules };
    },
  );
}

type Decide = HoldRules['decide'];
const reopened = (parties: HoldParties): HoldParties => ({
  ...parties,
  hold: parties.hold && { ...parties.hold, status: 'OPEN' },
});

/** An expiry ends a hold regardless of its state. */
const expireAnything: Decide = (item, parties, times) =>
  decideHold(item, item.op === 'expire' ? reopened(parties) : parties, times);

/** A capture takes the requested amount, even if less is left of the hold. */
const captureAnything: Decide = (item, parties, times): HoldDecision => {
  const { hold } = parties;
  if (item.op !== 'capture' || hold?.status !== 'OPEN') return decideHold(item, parties, times);
  const asked = item.order.capture.amount ?? 0;
  const decided = decideHold(item, parties, times);
  if (decided.kind !== 'refused' || decided.refusal !== 'hold_exceeded') return decided;
  const captured = hold.captured + asked;
  const after = { ...hold, captured, status: 'CAPTURED', revision: hold.revision + 1 } as const;
  return { kind: 'changes', hold: after, heldChange: 0 - leftOf(hold), moved: asked, creditCounted: false };
};

/** A final capture releases only the captured amount. */
const keepTheRest: Decide = (item, parties, times) => {
  const decided = decideHold(item, parties, times);
  if (item.op !== 'capture' || decided.kind !== 'changes') return decided;
  return { ...decided, heldChange: 0 - decided.moved };
};

/** Captures and changes do not compare the end of a hold with the time. */
const ignoreTheEnd: Decide = (item, parties, times) =>
  decideHold(item, parties, item.op === 'capture' || item.op === 'change' ? { ...times, now: 0, podNow: 0 } : times);

/** MySQL ignores held amounts when it decides on transfers. */
class ForgetsHeld extends DirectTables {
  protected override accountsIn(server: MysqlServer, ids: readonly string[]): Map<string, Account> {
    const accounts = super.accountsIn(server, ids);
    return new Map([...accounts].map(([id, account]) => [id, { ...account, held: 0 }]));
  }
}

/** Holds that have expired are open again in the next epoch, with a later end. */
class ReopensExpired extends CacheModel {
  override installHolds(caller: Caller, holds: readonly StoredHold[], snapshotCursor: number) {
    const open = holds.map(
      (hold): StoredHold =>
        hold.status === 'EXPIRED' ? { ...hold, status: 'OPEN', expiresAt: hold.expiresAt + 60_000 } : hold,
    );
    return super.installHolds(caller, open, snapshotCursor);
  }
}

/** A void assumes that the state it finds is already in MySQL. */
class VoidsAreSafe extends CacheModel {
  override async apply(caller: Caller, items: readonly CallItem[], podNow?: number) {
    const reply = await super.apply(caller, items, podNow);
    const records = reply.records.map((record) =>
      record.status === RecordStatus.UNCHANGED ? { ...record, seq: 0 } : record,
    );
    return { ...reply, records };
  }
}

/** The event or outcome, without the amounts that it gives back to the usage of limits. */
function notGivenBack<T extends object>(one: T): T {
  const { usageChange, ...rest } = one as T & Partial<HoldAfter>;
  return !usageChange || usageChange.day > 0 ? one : (rest as unknown as T);
}
const flushedWithoutGivingBack = (batch: FlushBatch): FlushBatch => ({
  ...batch,
  holdEvents: batch.holdEvents.map(notGivenBack),
  outcomes: batch.outcomes.map((outcome) =>
    outcome.status === 'POSTED' && outcome.hold ? { ...outcome, hold: notGivenBack(outcome.hold) } : outcome,
  ),
});

/** Holds do not count in the windows of limits. */
const countNothing: Decide = (item, parties, times) => {
  const decided = decideHold(item, parties, times);
  if (decided.kind !== 'changes') return decided;
  const { usageChange: _counted, hold, ...rest } = decided;
  return { ...rest, hold: stateOf(hold) };
};

/** Rules about holds. */
export const HOLDING: Mutant[] = [
  {
    name: 'expiry-not-fenced-against-capture',
    rule: 'An expiry ends a hold only if it is still open.',
    theme: 'holds',
    assembly: holdRules({ decide: expireAnything }),
  },
  {
    name: 'held-is-available',
    rule: 'Held money is not available.',
    theme: 'holds',
    assembly: pods((_ports, mysql) => ({ direct: new ForgetsHeld(mysql) })),
  },
  {
    name: 'capture-above-what-is-left',
    rule: 'No capture takes more than is left of the hold.',
    theme: 'holds',
    assembly: holdRules({ decide: captureAnything }),
  },
  {
    name: 'final-capture-keeps-the-rest',
    rule: 'A final capture releases everything that is left of the hold.',
    theme: 'holds',
    assembly: holdRules({ decide: keepTheRest }),
  },
  {
    name: 'capture-after-the-end',
    rule: 'From its expiry time on, a hold is neither captured nor changed, whether or not the expiry is written.',
    theme: 'holds',
    assembly: holdRules({ decide: ignoreTheEnd }),
  },
  {
    name: 'expired-hold-open-after-a-switch',
    rule: 'A hold that has expired stays expired in every later epoch.',
    theme: 'holds',
    assembly: scripts(ReopensExpired),
  },
  {
    name: 'void-answered-before-its-entry-is-safe',
    rule: 'A void that finds the hold voided is answered once the earlier void is in MySQL.',
    theme: 'holds',
    assembly: scripts(VoidsAreSafe),
  },
  {
    name: 'hold-evicted-before-it-is-flushed',
    rule: 'A hold is evicted only if MySQL has it in its current state.',
    theme: 'holds',
    assembly: holdRules({ isClean: () => true, evictedUpTo: () => 0 }),
  },
  {
    name: 'usage-of-holds-not-given-back',
    rule: 'An amount that a hold releases is given back to the windows that counted it.',
    theme: 'midnights',
    assembly: keepers(({ journal }) => ({
      journal: replaced(journal, {
        commit: (batch, authorityEpoch) => journal.commit(flushedWithoutGivingBack(batch), authorityEpoch),
      }),
    })),
  },
  {
    name: 'holds-count-in-no-window',
    rule: 'A hold counts toward the limits when it is placed or raised.',
    theme: 'midnights',
    assembly: holdRules({ decide: countNothing }),
  },
  {
    name: 'holds-are-not-in-doubt',
    rule: 'Attempts that place, change or end a hold are handed over while they are in doubt.',
    theme: 'holds',
    assembly: pods(({ handOverStore }) => ({
      handOverStore: replaced(handOverStore, {
        keep(epoch, podId, chunk) {
          const inDoubt = chunk.inDoubt.filter(({ kind }) => kind !== 'hold' && kind !== 'hold-event');
          return handOverStore.keep(epoch, podId, { ...chunk, inDoubt });
        },
      }),
    })),
  },
];
