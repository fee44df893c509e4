// The views by name. Each has `show`, and where it needs more than the stream brings, `fetch`; `key` for keys of its own.

import { accounts } from './accounts.js';
import { alarms } from './alarms.js';
import { audit } from './audit.js';
import { config } from './config.js';
import { devices } from './devices.js';
import { diagnostics } from './diagnostics.js';
import { journal } from './journal.js';
import { ledger } from './ledger.js';
import { letters } from './letters.js';
import { overview } from './overview.js';
import { principals } from './principals.js';
import { sinks } from './sinks.js';
import { story } from './story.js';

export const views = { overview, alarms, devices, sinks, letters, accounts, journal, ledger, story, config, principals, audit, diagnostics };
