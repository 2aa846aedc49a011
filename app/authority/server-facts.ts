/** Which server answers. */
export interface ServerIdentity {
  role: string;
  replid: string;
}

/** The facts that decide whether a Redis may hold the ledger, read on one connection. */
export interface ServerFacts extends ServerIdentity {
  version: string;
  /** `run_id`: identifies the process, and changes with each restart. */
  runId: string;
  /** `master_replid2`: the replid that the server had as a replica; kept until its replication backlog is recreated. */
  formerReplid: string;
  /** `appenddirname`: a name of the node; it is not replicated. */
  node: string;
  connectedReplicas: number;
  settings: Record<string, string>;
  /** The source of `settings`: the server's own answer or, if it refuses `CONFIG`, the operator's guarantee. */
  settingsFrom: 'server' | 'operator' | 'nowhere';
  /** True when no user of this server may turn it into a replica or connect a replica to it. */
  replicationForbidden: boolean;
}

/** The server refuses the inspection or the connection, or its certificate is refused: waiting cannot fix that. */
export class InspectionRefused extends Error {
  override readonly name = 'InspectionRefused';
}

export const BACKLOG_TTL = 'repl-backlog-ttl';

/** The default of `appenddirname`: it identifies no node, because every Redis uses it unless configured otherwise. */
const DEFAULT_NODE = 'appendonlydir';

/**
 * The name by which this node can be recognized after a restart; '' when a restart proves nothing: the node has no name
 * of its own, or replicas could have taken over its name and lost its data.
 */
export function provableNode(facts: ServerFacts): string {
  const provable = facts.node !== DEFAULT_NODE && facts.connectedReplicas === 0 && facts.replicationForbidden;
  return provable ? facts.node : '';
}

/**
 * Settings that are no reason to refuse this server but will eventually cause a switch-over: its `master_replid`, by
 * which scripts identify it, changes with the first replica (or `redis-cli --rdb`), and when the backlog of the last
 * replica expires.
 */
export function replidRisks(facts: ServerFacts): string[] {
  if (facts.replicationForbidden) return [];
  const ttl = facts.settings[BACKLOG_TTL];
  const risks = [
    'REPLICAOF, PSYNC and SYNC are not forbidden by ACL: a replica or `redis-cli --rdb` changes master_replid',
  ];
  if (ttl !== undefined && ttl !== '' && ttl !== '0') {
    risks.push(
      `${BACKLOG_TTL} is ${ttl}, not 0: master_replid changes again that long after the last replica has disconnected`,
    );
  }
  return risks;
}

/** Explains, as far as possible, why the `master_replid` of a server is no longer that of the epoch. */
export function explainReplid(facts: ServerFacts, runIdBefore: string | null): string {
  if (facts.role !== 'master') return `it is a ${facts.role} now`;
  if (runIdBefore === null) return 'its master_replid has changed';
  if (facts.runId !== runIdBefore) return 'it is a different process: it has restarted, or this is another node';
  if (!/^0*$/.test(facts.formerReplid)) {
    return 'its process is the same, and it was a replica for a while (REPLICAOF): its data may come from another node';
  }
  const replicas = facts.connectedReplicas > 0 ? `, ${facts.connectedReplicas} connected` : '';
  return `its process is the same and its master_replid has changed: a replica or \`redis-cli --rdb\` connected${replicas}, or ${BACKLOG_TTL} ran out`;
}

/** Why this server may not hold the ledger; empty when it may. */
export function unfitness(facts: ServerFacts): string[] {
  const wrong: string[] = [];
  if (!/^[0-9a-f]{40}$/.test(facts.replid)) wrong.push(`its master_replid is ${JSON.stringify(facts.replid)}`);
  const want = (name: string, value: string) => {
    if (facts.settings[name] !== value) wrong.push(`${name} is ${facts.settings[name]}, but must be ${value}`);
  };
  if (facts.role !== 'master') wrong.push(`its role is ${facts.role}`);
  if (!(Number.parseInt(facts.version, 10) >= 7)) wrong.push(`its version is ${facts.version}; 7 or later is required`);
  if (facts.settingsFrom === 'nowhere') {
    wrong.push('it refuses CONFIG GET: grant the command, or vouch for its settings with REDIS_MANAGED=true');
    return wrong;
  }
  want('appendonly', 'yes');
  want('appendfsync', 'always');
  want('maxmemory-policy', 'noeviction');
  want('no-appendfsync-on-rewrite', 'no');
  return wrong;
}
