/** The options of each verb as commander hands them over. */
export interface ProxyWords {
  readonly for?: readonly string[];
  readonly port: number;
  readonly host: string;
  readonly class: string;
  readonly policy?: string;
  readonly mostBody: number;
  readonly answerTimeout: number;
  readonly grace: number;
}

export interface MonitorWords {
  readonly every: number;
  readonly once?: boolean;
}

export interface ProbeWords {
  readonly header: readonly string[];
  readonly method: string;
}
