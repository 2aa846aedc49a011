import { untilAskedToStop } from './stopping.ts';

/** `node main.js api | keeper | migrate`: which role to run. Settings come from the environment. */
const role = process.argv[2] ?? process.env['ROLE'];
// Listened for before all else is loaded: to process 1 of a container a signal without a listener is as if never sent.
const asked = role === 'api' || role === 'keeper' ? untilAskedToStop() : null;
const { ConfigError, loadConfig } = await import('./config.ts');

try {
  if (role === 'migrate') {
    const { migrate } = await import('./store/data-source.ts');
    const { mysql } = loadConfig({ ...process.env, ROLE: 'keeper' });
    const done = await migrate(mysql.url);
    console.log(done.length === 0 ? 'The schema is up to date.' : `Migrated: ${done.join(', ')}.`);
  } else if (asked !== null) {
    const { runRole } = await import('./run.ts');
    await runRole(loadConfig({ ...process.env, ROLE: role }), asked);
  } else {
    console.error('Say which role to run: api, keeper or migrate.');
    process.exitCode = 64;
  }
} catch (error) {
  // A stack trace helps nobody who has to correct a setting.
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = 1;
}
