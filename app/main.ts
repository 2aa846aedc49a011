import { endWhenAsked, untilAskedToStop } from './roles/stopping.ts';

/**
 * Usage: `node main.js api | keeper | search | webhooks | migrate | renew-identity`. The argument is the role to run. Settings come from the
 * environment.
 */
const RUNNING = ['api', 'keeper', 'search', 'webhooks'];
const ROLES = [...RUNNING, 'migrate', 'renew-identity'];
const [word] = process.argv.slice(2);
const role = word ?? process.env['ROLE'];
// The listener is installed before anything else is loaded, because process 1 of a container
// ignores signals without one.
const asked = role !== undefined && RUNNING.includes(role) ? untilAskedToStop() : null;
const { readCommandLine, refuse } = await import('./config/command-line.mjs');
const command = {
  name: 'node main.js',
  about: 'Runs a role of Holdfast, migrates its schema, or turns a copy of its database into a separate ledger.',
  options: {},
  operands: { label: 'ROLE', help: 'What to run; can also be set in the variable ROLE.', choices: ROLES, max: 1 },
  environment: { ROLE: 'the role, if no argument is given', 'REDIS_URL, …': 'every setting: docs/configuration.md' },
};
readCommandLine(command);
if (role === undefined || !ROLES.includes(role)) refuse(command, `ROLE must be one of ${ROLES.join(', ')}.`);
const { ConfigError, loadConfig } = await import('./config/config.ts');

/**
 * EX_CONFIG of sysexits.h: a setting has to be corrected, so retrying cannot help. The chart's Job gives up at once.
 */
const EXIT_CONFIG = 78;

try {
  if (asked !== null) {
    const { runRole } = await import('./roles/run.ts');
    await runRole(loadConfig({ ...process.env, ROLE: role }), asked);
  } else if (role === 'migrate' || role === 'renew-identity') {
    const { ONE_SHOT } = await import('./roles/one-shot.ts');
    // This does not use `using`: in a block with `using`, tsc does not rewrite the path of an import(), and that path
    // does not exist in dist/.
    const ending = endWhenAsked();
    try {
      console.log(await ONE_SHOT[role](loadConfig({ ...process.env, ROLE: 'keeper' })));
    } finally {
      ending[Symbol.dispose]();
    }
  }
} catch (error) {
  const wrongSetting = error instanceof ConfigError;
  // A stack trace does not help anyone correct a setting.
  console.error(wrongSetting ? error.message : error);
  process.exitCode = wrongSetting ? EXIT_CONFIG : 1;
}
