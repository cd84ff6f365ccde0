// The contract of conversations over every adapter that holds one.

import { acpHarness } from '../../../src/daemon/harness/acp.ts'
import type { Harness } from '../../../src/daemon/harness/port.ts'
import { harnessContract } from './contract.ts'
import { conversationContract } from './conversation-contract.ts'
import {
  acpEndings,
  acpTalk,
  claudeAsking,
  claudeAskingEndings,
  claudeTalk,
  codexAsking,
  codexAskingEndings,
  codexTalk,
} from './talks.ts'

const acp = acpHarness('mine', { protocol: 'acp', command: 'mine', args: ['--model', '{model}'] }) as Harness // its states come only from itself

harnessContract(acp, acpEndings)
conversationContract(acp, acpTalk)
harnessContract(codexAsking, codexAskingEndings)
conversationContract(codexAsking, codexTalk)
harnessContract(claudeAsking, claudeAskingEndings)
conversationContract(claudeAsking, claudeTalk)
