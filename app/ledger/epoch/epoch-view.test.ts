import { describe, expect, it } from 'vitest';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import { AttemptCall, EpochView, type TrackedAttempt } from './epoch-view.ts';

class Tried implements TrackedAttempt {
  readonly id: string;
  inDoubt: boolean;
  leftIn: number | null | undefined;
  constructor(id: string, inDoubt = false) {
    this.id = id;
    this.inDoubt = inDoubt;
  }
  inDoubtAttempts(): InDoubtAttempt[] {
    return [{ kind: 'transfers', id: this.id, accounts: ['a', 'b'] }];
  }
  leaveInDoubt(cacheEpoch: number | null): void {
    this.inDoubt = true;
    this.leftIn = cacheEpoch;
  }
}

const view = () => new EpochView({ epoch: 4, format: 1, replid: 'r', podId: 'p' });
const known = (one: EpochView) => one.inDoubt.snapshot().map(({ id }) => id);
const flags = (attempts: Tried[]) => attempts.map(({ inDoubt }) => inDoubt);

describe.each([
  ['Redis', view()],
  ['MySQL', null],
])('A call to %s', (_store, epoch) => {
  it('keeps its attempts in doubt until a reply proves their outcomes; attempts that were in doubt before remain in doubt', () => {
    const attempts = [new Tried('new'), new Tried('again', true)];
    const call = new AttemptCall(attempts, epoch);
    expect(flags(attempts)).toEqual([true, true]);
    if (epoch) expect(known(epoch)).toEqual(['new', 'again']);
    call.proven();
    expect(flags(attempts)).toEqual([false, true]);
    if (epoch) expect(epoch.inDoubt.none).toBe(true);
  });

  it('leaves its attempts in doubt if no valid reply comes, and records the epoch', () => {
    const attempts = [new Tried('one')];
    const call = new AttemptCall(attempts, epoch);
    call.lost(10);
    expect([flags(attempts), attempts[0]?.leftIn]).toEqual([[true], epoch ? 4 : null]);
    if (epoch) expect([known(epoch), epoch.inDoubt.size, epoch.inDoubt.oldestSinceMs]).toEqual([['one'], 1, 10]);
  });
});

describe('A call whose reply was accepted', () => {
  it('changes nothing when the reply is accepted a second time', () => {
    const attempt = new Tried('one');
    const call = new AttemptCall([attempt], view());
    call.proven();
    attempt.inDoubt = true;
    call.proven();
    expect(attempt.inDoubt).toBe(true);
  });

  it('is in doubt again if the reply cannot be parsed', () => {
    const epoch = view();
    const attempt = new Tried('one');
    const call = new AttemptCall([attempt], epoch);
    call.proven();
    call.lost(10);
    expect([attempt.inDoubt, known(epoch)]).toEqual([true, ['one']]);
  });
});
