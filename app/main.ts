import { ConfigError, loadConfig } from './config.ts';
import { runRole } from './run.ts';
import { migrate } from './store/data-source.ts';

/** `node main.js api | keeper | migrate`: which role to run. Settings come from the environment. */
const role = process.argv[2] ?? process.env['ROLE'];

try {
  if (role === 'migrate') {
    const { mysql } = loadConfig({ ...process.env, ROLE: 'keeper' });
    const done = await migrate(mysql.url);
    console.log(done.length === 0 ? 'The schema is up to date.' : `Migrated: ${done.join(', ')}.`);
  } else if (role === 'api' || role === 'keeper') {
    await runRole(loadConfig({ ...process.env, ROLE: role }));
  } else {
    console.error('Say which role to run: api, keeper or migrate.');
    process.exitCode = 64;
  }
} catch (error) {
  // A stack trace helps nobody who has to correct a setting.
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = 1;
}
