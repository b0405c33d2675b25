/** What the command line hands to a verb: its options, read and checked. */
import type { McpClient } from "../bridges/mcp/client-config.ts";

export interface CommonOptions {
  readonly json?: boolean;
  readonly set?: readonly string[];
  readonly verbose?: boolean;
  readonly log?: "text" | "json";
  readonly passphraseFile?: string;
}

export interface FolderOptions extends CommonOptions {
  readonly at?: string;
}

/** Which rows are asked for. */
export interface RowWords {
  readonly external?: true;
  readonly unchosen?: true;
}

export interface SettingsWords extends FolderOptions, RowWords {}

export interface SendWords extends FolderOptions {
  readonly until: "queued" | "stored" | "done";
  readonly timeout?: number;
  readonly expires?: number;
  readonly thread?: string;
  readonly key?: string;
}

export interface TraceWords extends FolderOptions {
  readonly export?: string;
}

export interface AskWords extends FolderOptions {
  readonly timeout?: number;
}

export interface InboxWords extends FolderOptions {
  readonly box: "contacts" | "requests" | "failed";
  readonly watch?: boolean;
  readonly timeout?: number;
}

export interface OnMailWords extends FolderOptions {
  readonly timeout?: number;
  readonly concurrency?: number;
}

export interface InitWords extends FolderOptions {
  readonly relay?: string;
  readonly name?: string;
  readonly custody?: "split" | "together";
  readonly recovery?: string;
  readonly strangers?: "wait" | "welcome";
  readonly passphrase?: boolean;
}

export interface IdWords extends FolderOptions {
  readonly bundle?: string;
  readonly recovery?: string;
  readonly newRecovery?: string;
  readonly together?: boolean;
  readonly stolenSince?: string;
  readonly voidFrom?: string;
  readonly since?: string;
  readonly reason?: string;
  readonly off?: boolean;
  readonly about?: string;
  readonly successor?: string;
  readonly yes?: boolean;
  readonly offline?: boolean;
  readonly newFile?: string;
  readonly remove?: boolean;
}

export interface InviteWords extends FolderOptions {
  readonly uses?: number;
  readonly expires?: number;
  readonly label?: string;
  readonly qr?: boolean;
}

export interface ContactWords extends FolderOptions {
  readonly timeout?: number;
}

export interface DoctorWords extends FolderOptions {
  readonly bundle?: string;
  readonly relay?: boolean;
}

export interface IncidentWords extends FolderOptions {
  readonly relay?: boolean;
  readonly cause?: string;
  readonly fix?: string;
  readonly with?: string;
  readonly guard?: string;
  readonly before?: string;
  readonly after?: string;
  readonly timeout?: number;
}

export interface RelayFolderWords extends CommonOptions {
  readonly folder?: string;
}

export interface RelaySettingsWords extends RelayFolderWords, RowWords {}

export interface RelayWords extends RelayFolderWords {
  readonly listen?: string;
  readonly public?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly openRegistration?: boolean;
  readonly tickets?: boolean;
  readonly allowPrivatePeers?: boolean;
  readonly origin?: readonly string[];
  readonly untilStdinEnds?: boolean;
}

export interface TicketWords extends RelayFolderWords {
  readonly uses?: number;
  readonly expires?: number;
}

export interface BlockWords extends RelayFolderWords {
  readonly why?: string;
}

export interface McpWords extends FolderOptions {
  readonly relay?: string;
  readonly name?: string;
  readonly printConfig?: McpClient;
}

export interface TryWords extends CommonOptions {
  readonly keep?: boolean;
}

export interface DeskWords extends FolderOptions {
  readonly at: string;
  readonly relay: string;
  readonly received: string;
}
