import { messageOf } from '../../devstack/system/console.mjs';
import type { Program } from '../../devstack/system/process.mjs';
import { NotHere } from './hypothesis.ts';
import { rootTool } from './root-tools.ts';

/** Names of network interfaces have at most 15 characters. */
const NAME = `hf-${process.pid}`;
/** An address from 198.18.0.0/15, the block that is reserved for tests. */
const OUTSIDE = '198.18.213.1';
const INSIDE = '198.18.213.2';

/** A network namespace behind a link that loses packets. The machine's own network is not changed. */
export class LossyNamespace implements Disposable {
  readonly address = INSIDE;

  /** @throws NotHere if this machine or this user cannot create one, or cannot drop packets in it */
  constructor() {
    try {
      ip('netns', 'add', NAME);
      ip('link', 'add', NAME, 'type', 'veth', 'peer', 'name', `${NAME}-in`);
      ip('link', 'set', `${NAME}-in`, 'netns', NAME);
      ip('addr', 'add', `${OUTSIDE}/30`, 'dev', NAME);
      ip('link', 'set', NAME, 'up');
      ip('-n', NAME, 'addr', 'add', `${INSIDE}/30`, 'dev', `${NAME}-in`);
      ip('-n', NAME, 'link', 'set', `${NAME}-in`, 'up');
      ip('-n', NAME, 'link', 'set', 'lo', 'up');
      this.lose(1);
      this.lose(0);
    } catch (error) {
      this[Symbol.dispose]();
      throw new NotHere(`no network namespace that loses packets: ${messageOf(error)}`);
    }
  }

  inside(program: Program): Program {
    return { ...program, command: 'ip', args: ['netns', 'exec', NAME, program.command, ...program.args] };
  }

  /**
   * Sets the percentage of packets lost in each direction. Uses nftables, because few kernels include the netem module.
   */
  lose(percent: number): void {
    const rule = percent === 0 ? '' : `numgen random mod 100 < ${percent} drop`;
    const chain = (hook: string) => `chain ${hook} {\ntype filter hook ${hook} priority 0\n${rule}\n}\n`;
    const table = `table inet loss\ndelete table inet loss\ntable inet loss {\n${chain('input')}${chain('output')}}\n`;
    rootTool('ip', ['netns', 'exec', NAME, 'nft', '-f', '-'], table);
  }

  [Symbol.dispose](): void {
    // Removes the namespace and its link. By now, all processes inside have ended.
    for (const args of [
      ['netns', 'del', NAME],
      ['link', 'del', NAME],
    ]) {
      try {
        ip(...args);
      } catch {
        // It was never created, or has already been removed.
      }
    }
  }
}

const ip = (...args: string[]): void => rootTool('ip', args);
