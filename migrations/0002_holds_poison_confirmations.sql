ALTER TABLE "operator_actions" DROP CONSTRAINT "operator_actions_known";--> statement-breakpoint
ALTER TABLE "outbox" DROP CONSTRAINT "outbox_counts_positive";--> statement-breakpoint
ALTER TABLE "holds" ADD COLUMN "prober" uuid;--> statement-breakpoint
ALTER TABLE "holds" ADD COLUMN "probe_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "lone_starts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "unspent" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "unspent_since" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "notifications_accepted_though_replaced" ON "notifications" USING btree ("message_id") WHERE replaced_at is not null and accepted_at is not null;--> statement-breakpoint
ALTER TABLE "holds" ADD CONSTRAINT "holds_probed_by_somebody" CHECK ((prober is null) = (probe_until is null));--> statement-breakpoint
ALTER TABLE "operator_actions" ADD CONSTRAINT "operator_actions_known" CHECK (action in ('retry', 'discard', 'confirm_sent', 'confirm_not_sent'));--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_unspent_has_since" CHECK ((unspent = 0) = (unspent_since is null));--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_counts_positive" CHECK (run >= 1 and starts >= 0 and lone_starts >= 0 and unspent >= 0 and enqueue_failures >= 0);