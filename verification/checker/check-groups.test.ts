import { beforeEach, describe, expect, it } from 'vitest';
import { orderOf } from '../../app/domain/testing/orders.ts';
import { check } from './check.ts';
import { Sound } from './testing/sound.ts';

let sound: Sound;
/** t1 and t2 are a group. */
beforeEach(() => {
  sound = new Sound();
  for (const id of ['t1', 't2']) {
    sound.row(id).content = { ...sound.row(id).content, groupId: 'g' };
    for (const attempt of sound.transfer(id).attempts) attempt.content = { ...attempt.content, groupId: 'g' };
  }
  const orders = ['t1', 't2'].map((transactionId) => orderOf({ transactionId, groupId: 'g' }));
  sound.history.ofGroup({ groupId: 'g', orders, split: null }).answers.push('posted');
});
const found = () => Object.keys(check(sound.history, sound.books).counts).sort();

describe('a group', () => {
  it('is sound if all its transfers are in MySQL', () => {
    expect(found()).toEqual([]);
  });
  it('in-part: some of its transfers are in MySQL, and others are not', () => {
    sound.deleteRow('t1');
    expect(found()).toContain('in-part');
  });
  it('in-part: one of its transfers was refused', () => {
    sound.row('t3').content = { ...sound.row('t3').content, groupId: 'g' };
    expect(found()).toContain('in-part');
  });
  it('contradicted: it was reported as refused, but is in MySQL', () => {
    sound.history.groups.get('g')?.answers.splice(0, 1, 'rejected');
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: a transfer was reported as a member of a group, but is in MySQL as a single transfer', () => {
    sound.row('t1').content = { ...sound.row('t1').content };
    delete sound.row('t1').content.groupId;
    expect(found()).toContain('contradicted');
  });
  it('phantom: nobody sent it', () => {
    sound.history.groups.clear();
    expect(found()).toEqual(['phantom']);
  });
});
