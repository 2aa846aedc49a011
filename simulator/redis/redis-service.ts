import type { SimProcess } from '../core/sim-process.ts';
import type { RedisNode } from './redis-node.ts';

/**
 * The address of Redis, which determines the server that a new connection reaches. Different processes may reach
 * different servers for a while.
 */
export class RedisService {
  readonly nodes: RedisNode[] = [];
  #current: RedisNode | null = null;
  readonly #others = new Map<SimProcess, RedisNode | null>();

  get current(): RedisNode | null {
    return this.#current;
  }
  pointTo(node: RedisNode | null): void {
    this.#current = node;
  }
  /** Points the address to another server, for this process only. */
  pointOneTo(process: SimProcess, node: RedisNode | null): void {
    this.#others.set(process, node);
  }
  agree(): void {
    this.#others.clear();
  }
  resolve(process: SimProcess): RedisNode | null {
    const other = this.#others.get(process);
    return other === undefined ? this.#current : other;
  }
}
