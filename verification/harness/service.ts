import { pod as podProgram, type Surroundings } from '../../devstack/pods.mjs';
import type { Link } from './link.ts';
import { Member } from './member.ts';
import { ownPort } from './ports.ts';

type Role = 'api' | 'keeper';

interface Wires {
  redis: Link;
  mysql: Link;
}

export interface ServiceOptions {
  wires?: Wires | null;
  /** Additional settings. */
  env?: Readonly<Record<string, string>> | undefined;
}

/**
 * A stopping pod keeps serving until the balancer has noticed that it is unready, as in Kubernetes. Transfers are not
 * logged, because a log line for each would cost too much here.
 */
const USUAL = {
  api: { PRE_STOP_DELAY_MS: '1000', LOG_LEVEL: 'warn' },
  keeper: {},
} as const;

/** A process of Holdfast, and its links if it has any. */
export class Service extends Member {
  readonly url: string;
  readonly wires: Wires | null;

  constructor(program: ConstructorParameters<typeof Member>[0], url: string, wires: Wires | null) {
    super(program);
    this.url = url;
    this.wires = wires;
  }

  wire(to: 'redis' | 'mysql'): Link {
    if (!this.wires) throw new Error(`${this.name} has no links`);
    return this.wires[to];
  }
}

/** Settings of a process whose wall clock is wrong. */
export const clockAhead = (ms: number): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${new URL('clock-ahead.mjs', import.meta.url)}`,
  CLOCK_AHEAD_MS: String(ms),
});

/**
 * Returns a process that has not been started yet.
 * @param number of the process among those of its role in the folder, from 1; it is in the name of its log
 */
export async function newService(
  around: Surroundings,
  role: Role,
  number: number,
  { wires = null, env = {} }: ServiceOptions = {},
): Promise<Service> {
  const { program, url } = podProgram(around, role, await ownPort(), number);
  const settings = { ...program.env, ...USUAL[role], ...env };
  return new Service({ ...program, name: `${role} ${number}`, env: settings }, url, wires);
}
