CREATE TABLE "alerts" (
	"name" text PRIMARY KEY NOT NULL,
	"dedup_key" uuid NOT NULL,
	"opened_at" timestamp with time zone DEFAULT now() NOT NULL,
	"notified_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "customers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "epochs" (
	"queue" text PRIMARY KEY NOT NULL,
	"epoch" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "holds" (
	"name" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"opened_at" timestamp with time zone DEFAULT now() NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"pauses" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"client" text NOT NULL,
	"route" text NOT NULL,
	"key_hash" "bytea" NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"status" smallint NOT NULL,
	"body" text NOT NULL,
	"location" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_client_route_key_hash_pk" PRIMARY KEY("client","route","key_hash")
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"message_id" uuid NOT NULL,
	"recipient" text,
	"body" text,
	"account" text NOT NULL,
	"attempts" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"first_unknown_at" timestamp with time zone,
	"answer" text,
	"answer_detail" text,
	"answered_at" timestamp with time zone,
	"accepted_at" timestamp with time zone,
	"provider_id" text,
	"replaced_at" timestamp with time zone,
	CONSTRAINT "notifications_accepted_has_id" CHECK ((accepted_at is null) = (provider_id is null)),
	CONSTRAINT "notifications_answered_has_code" CHECK ((answered_at is null) = (answer is null))
);
--> statement-breakpoint
CREATE TABLE "operator_actions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "operator_actions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"operator" text NOT NULL,
	"action" text NOT NULL,
	"message_id" uuid NOT NULL,
	"run" integer NOT NULL,
	"note" text,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operator_actions_known" CHECK (action in ('retry', 'discard'))
);
--> statement-breakpoint
CREATE TABLE "order_items" (
	"order_id" uuid NOT NULL,
	"position" smallint NOT NULL,
	"sku" text NOT NULL,
	"name" text NOT NULL,
	"quantity" integer NOT NULL,
	"unit_price" bigint NOT NULL,
	CONSTRAINT "order_items_order_id_position_pk" PRIMARY KEY("order_id","position"),
	CONSTRAINT "order_items_quantity_positive" CHECK (quantity between 1 and 1000000),
	CONSTRAINT "order_items_unit_price_exact" CHECK (unit_price between 0 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" uuid PRIMARY KEY NOT NULL,
	"customer_id" uuid NOT NULL,
	"status" text NOT NULL,
	"currency" char(3) NOT NULL,
	"total" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"shipped_at" timestamp with time zone,
	"cancelled_at" timestamp with time zone,
	CONSTRAINT "orders_status_known" CHECK (status in ('CREATED', 'SHIPPED', 'CANCELLED')),
	CONSTRAINT "orders_shipped_when_shipped" CHECK ((status = 'SHIPPED') = (shipped_at is not null)),
	CONSTRAINT "orders_cancelled_when_cancelled" CHECK ((status = 'CANCELLED') = (cancelled_at is not null)),
	CONSTRAINT "orders_total_exact" CHECK (total between 0 and 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "outbox_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"order_id" uuid NOT NULL,
	"payload" jsonb NOT NULL,
	"run" integer DEFAULT 1 NOT NULL,
	"starts" integer DEFAULT 0 NOT NULL,
	"enqueue_failures" smallint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"enqueued_at" timestamp with time zone,
	"sent_at" timestamp with time zone,
	"dead_at" timestamp with time zone,
	"dead_reason" text,
	"discarded_at" timestamp with time zone,
	"alerted_at" timestamp with time zone,
	CONSTRAINT "outbox_sent_was_enqueued" CHECK (sent_at is null or enqueued_at is not null),
	CONSTRAINT "outbox_dead_has_reason" CHECK ((dead_at is null) = (dead_reason is null)),
	CONSTRAINT "outbox_sent_is_not_dead" CHECK (sent_at is null or dead_at is null),
	CONSTRAINT "outbox_discarded_was_dead" CHECK (discarded_at is null or dead_at is not null),
	CONSTRAINT "outbox_alerted_is_dead" CHECK (alerted_at is null or dead_at is not null),
	CONSTRAINT "outbox_counts_positive" CHECK (run >= 1 and starts >= 0 and enqueue_failures >= 0),
	CONSTRAINT "outbox_dead_reason_known" CHECK (dead_reason in ('attempts_exhausted', 'refused', 'outcome_unknown', 'poison', 'not_enqueueable', 'order_missing', 'customer_missing', 'letter_missing', 'unrenderable', 'job_failed'))
);
--> statement-breakpoint
ALTER TABLE "order_items" ADD CONSTRAINT "order_items_order_id_orders_id_fk" FOREIGN KEY ("order_id") REFERENCES "public"."orders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_customer_id_customers_id_fk" FOREIGN KEY ("customer_id") REFERENCES "public"."customers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_order_id_orders_id_fk" FOREIGN KEY ("order_id") REFERENCES "public"."orders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotency_keys_expired" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_in_force" ON "notifications" USING btree ("message_id") WHERE replaced_at is null;--> statement-breakpoint
CREATE INDEX "notifications_of_message" ON "notifications" USING btree ("message_id");--> statement-breakpoint
CREATE INDEX "operator_actions_of_message" ON "operator_actions" USING btree ("message_id");--> statement-breakpoint
CREATE INDEX "orders_of_customer" ON "orders" USING btree ("customer_id","id");--> statement-breakpoint
CREATE INDEX "orders_by_status" ON "orders" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "outbox_staged" ON "outbox" USING btree ("seq") WHERE enqueued_at is null and sent_at is null and dead_at is null;--> statement-breakpoint
CREATE INDEX "outbox_enqueued" ON "outbox" USING btree ("enqueued_at","id") WHERE enqueued_at is not null and sent_at is null and dead_at is null;--> statement-breakpoint
CREATE INDEX "outbox_dead" ON "outbox" USING btree ("dead_at","id") WHERE dead_at is not null and discarded_at is null;--> statement-breakpoint
CREATE INDEX "outbox_of_order" ON "outbox" USING btree ("order_id");