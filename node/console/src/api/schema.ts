// Made by `make console-types` from the server's /openapi.json; not written by hand.

export interface paths {
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This interface as a page for people. */
        get: operations["operations_docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same as `/readyz`. */
        get: operations["operations_healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says whether the process may go on. */
        get: operations["operations_livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The metrics of this node in the OpenMetrics text format. */
        get: operations["operations_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This interface as an OpenAPI 3.1 document. */
        get: operations["operations_openapi_json"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says whether the node is recovered and caught up. */
        get: operations["operations_readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/clients": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the clients that send heartbeats, to whatever node. */
        get: operations["castle_clients"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/clients/{client}/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks something of a client. It hears of it with its next heartbeats, until it says that it is done
         *     or the time is over; whatever node dies.
         */
        post: operations["castle_command"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the clusters that topics can move to. */
        get: operations["castle_list_clusters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/clusters/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Registers another cluster, or changes how it is reached. */
        put: operations["castle_set_cluster"];
        post?: never;
        /** Forgets another cluster to which no topic has moved. */
        delete: operations["castle_remove_cluster"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/heartbeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A client says that it is there, and hears where to go and what to do.
         * @description Any node takes it. What the answer says of leaders is a hint: a broker that does not lead
         *     forwards, or refuses with the leader. Send the next one after `interval_ms`, with the `version` of
         *     the last answer that named clusters or said `no_change`; if no node answers go on with what you
         *     have.
         */
        post: operations["castle_heartbeat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/topics/{topic}:cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes back a move of which nothing is sealed yet. */
        post: operations["castle_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/castle/topics/{topic}:move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows whether a topic goes on in another cluster, and how far that is. */
        get: operations["castle_describe"];
        put?: never;
        /**
         * Moves a topic to another cluster: it is announced, then its partitions are sealed, and what is
         *     written from then on goes there. Nothing is copied.
         */
        post: operations["castle_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describes the cluster as this node sees it. */
        get: operations["cluster_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the settings of the whole cluster. */
        get: operations["cluster_config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes settings of the whole cluster; null resets one to its default. */
        patch: operations["cluster_alter_config"];
        trace?: never;
    };
    "/v1/cluster/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says whether everything is served, and as safely as it should be. */
        get: operations["cluster_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/moves": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the moves that have not finished. */
        get: operations["cluster_moves"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the nodes. */
        get: operations["nodes_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/nodes/{node}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describes a node. */
        get: operations["nodes_describe"];
        put?: never;
        post?: never;
        /** Takes a node that has no replicas out of the cluster for good. */
        delete: operations["nodes_remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/nodes/{node}/decommission": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says how far a decommission is, and what blocks it. */
        get: operations["nodes_progress"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/nodes/{node}:decommission": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves all replicas away from a node. With `dry_run` only says what would block it. */
        post: operations["nodes_decommission"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/nodes/{node}:drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves leaderships away from a node; its replicas stay. */
        post: operations["nodes_drain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/nodes/{node}:recommission": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes a drained, decommissioning or decommissioned node active again. */
        post: operations["nodes_recommission"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/partitions/{topic}/{partition}/replicas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Moves a partition's replicas to exactly these nodes, or takes a move back. */
        put: operations["cluster_set"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/partitions/{topic}/{partition}:transfer-leadership": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Hands a partition's leadership to a node, or to the best candidate. */
        post: operations["cluster_transfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster:rebalance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Evens out replicas and leaderships. With `dry_run` only plans. */
        post: operations["cluster_rebalance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the groups. */
        get: operations["groups_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describes a group: members, and how far it is in each partition. */
        get: operations["groups_describe"];
        put?: never;
        post?: never;
        /** Forgets a group without members. */
        delete: operations["groups_delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}/ack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says what a member did with records: one result per token, in the order of `ack`, `retry`,
         *     `reject`, `renew`.
         * @description Asked twice it answers `already_settled`. A token of another generation is refused, and its
         *     record is delivered again.
         */
        post: operations["groups_ack"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}/commit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Commits offsets: all below them is done. */
        post: operations["groups_commit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}/lag": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far a group is behind, partition by partition. */
        get: operations["groups_lag"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}/members/{member}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Takes a member out of a group. */
        delete: operations["groups_leave"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}/poll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a member records of the partitions that it holds; the first poll joins the group.
         * @description Each record comes with an ack token, and stays in the member's hands until it is settled or its
         *     lock runs out. A member that gives no sign of life for its session is taken out of the group.
         */
        post: operations["groups_poll"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/groups/{group}:reset-offsets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Moves a group to other offsets in a topic. */
        post: operations["groups_reset_offsets"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/producers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a producer its id, or its next epoch.
         * @description Without a body the id is new and the epoch 0. With the id and epoch that a producer has, the
         *     answer is the next epoch of the same id, or a new id once there are no more epochs. Partitions
         *     learn of a new epoch by its first batch, whose sequence is 0, and refuse earlier ones from then
         *     on.
         */
        post: operations["records_identify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the topics. */
        get: operations["topics_list"];
        put?: never;
        /** Creates a topic, or with `dry_run` only checks and plans. */
        post: operations["topics_create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describes a topic: configuration, and each partition as its leader sees it. */
        get: operations["topics_describe"];
        put?: never;
        post?: never;
        /** Deletes a topic and its records. A topic created later under the same name is another one. */
        delete: operations["topics_delete"];
        options?: never;
        head?: never;
        /** Sets configuration keys, resets them with null, or changes the replication factor. */
        patch: operations["topics_alter"];
        trace?: never;
    };
    "/v1/topics/{topic}/dead-letter": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the dead-letter switch. */
        get: operations["dead_letters_describe"];
        /**
         * Replaces the dead-letter switch. Turned on, it creates the topic that dead records go to, where
         *     its name is known: where each group has one of its own and none is named, the first dead record of
         *     a group does.
         */
        put: operations["dead_letters_set"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/dead-letter/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what a group gave up, with where it came from and why. Redriven and purged records are left
         *     out.
         * @description One request looks at a bounded number of records: where few match, an answer may have none and
         *     still say with `next_cursor` that there is more to look at.
         */
        get: operations["dead_letters_peek"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/dead-letter:purge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives up for good what a group gave up: it is not shown and not brought back any more.
         * @description Works in slices: send `next_cursor` back until it is null.
         */
        post: operations["dead_letters_purge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/dead-letter:redrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Brings back what a group gave up: to the group, or to the end of a topic.
         * @description Works in slices: send `next_cursor` back until it is null. Asked twice it brings nothing back
         *     twice. What is given up after the first slice is not touched.
         */
        post: operations["dead_letters_redrive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/partitions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Grows a topic. Keys that hash to another partition afterwards keep their old records where they
         *     are.
         */
        post: operations["topics_add"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/partitions/{partition}/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reads one partition.
         * @description As JSON, ndjson, raw batches, or with `Accept: text/event-stream` as a live tail, where `id:` is
         *     the next offset and `Last-Event-ID` resumes. At the end the list is empty; `wait_ms` waits.
         */
        get: operations["records_fetch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reads all partitions of a topic.
         * @description As `…/partitions/{partition}/records`; `next_cursor`, `X-Next-Cursor` and the `id:` of a live
         *     tail say where to go on: send it as `cursor`, or as `Last-Event-ID`. Over thousands of partitions
         *     a cursor may be too large for a header, and is in the JSON body only. Not every event of a tail
         *     has an `id:`, only the last of those that are sent together: who resumes may get some again.
         */
        get: operations["records_fetch_all"];
        put?: never;
        /**
         * Appends records.
         * @description JSON bodies are checked as a whole: nothing is written if a record is malformed.
         *     `application/x-ndjson` is streamed: each line is answered by a line, in order, once what it was
         *     gathered with is acknowledged; a lone line waits 3 ms for others. Raw batches are stored as they
         *     are and answered with one entry per batch, not per record: the offset is that of its first
         *     record, the others follow without gaps. Without acknowledgement (`ack=0`) the answer is 202
         *     without offsets. With `X-Producer-*`, or an `Idempotency-Key`, a request may be sent again: its
         *     records are written once, and the answer is that to the first, marked by
         *     `Idempotency-Replayed: true`. A partition remembers a producer's last five batches, and the keys
         *     of 24 hours or the last 10,000. With `message.timestamp.type=LogAppendTime` records get the time of the node
         *     that received them.
         */
        post: operations["records_produce"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/topics/{topic}/truncate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deletes the records below an offset, per partition. */
        post: operations["topics_truncate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What a member did with records. */
        AckRequest: {
            /**
             * @description Tokens of records that it is done with.
             * @default []
             */
            ack: string[];
            /**
             * @description Who.
             * @default
             */
            member: string;
            /**
             * @description Records that it never will be done with.
             * @default []
             */
            reject: components["schemas"]["RejectItem"][];
            /**
             * @description Records that it keeps for longer.
             * @default []
             */
            renew: components["schemas"]["RenewItem"][];
            /**
             * @description Records that it wants again.
             * @default []
             */
            retry: components["schemas"]["RetryItem"][];
        };
        /** @description One result per token: those of `ack`, `retry`, `reject` and `renew`, in that order. */
        AckResponse: {
            /** @description In the order of the tokens. */
            results: components["schemas"]["AckResult"][];
        };
        /** @description What became of a record. */
        AckResult: {
            /** @description Why it was refused. */
            code?: string | null;
            /** @description In words. */
            detail?: string | null;
            /**
             * Format: int64
             * @description When it is delivered again at the earliest, in milliseconds since 1970, if it is parked.
             */
            due_ms?: number | null;
            result?: components["schemas"]["Settled"] | null;
            /** @description Its token. */
            token: string;
        };
        /** @description `POST /v1/topics/{t}/partitions`. */
        AddPartitionsRequest: {
            /**
             * Format: int32
             * @description Number of partitions afterwards; it can only grow.
             */
            partitions: number;
        };
        /** @description `PATCH /v1/cluster/config`. */
        AlterClusterRequest: {
            /** @description Settings to change, such as `cluster.auto_rebalance`; null resets one to its default. */
            config: {
                [key: string]: string | null;
            };
        };
        /** @description `PATCH /v1/topics/{t}`. */
        AlterTopicRequest: {
            /** @description Keys to set; null resets one to its default. */
            config?: {
                [key: string]: string | null;
            };
            /**
             * Format: int32
             * @description Replicas each partition should have.
             */
            replication_factor?: number | null;
        };
        /** @description What a client has in a group. */
        Assigned: {
            /**
             * Format: int64
             * @description The group's generation.
             */
            generation: number;
            /** @description The group. */
            group: string;
            /** @description The client's name in it. */
            member: string;
            /** @description The partitions of the topic. */
            partitions: number[];
        };
        /** @description A broker that a client may use. */
        BrokerCandidate: {
            /** @description Its URL. */
            http: string;
            /**
             * Format: int64
             * @description The node's number.
             */
            id: number;
            /** @description Its address for Kafka's protocol, if it speaks it. */
            kafka?: string | null;
            /**
             * Format: double
             * @description From 0, idle, to 1, full.
             */
            load: number;
            /** @description Its failure domain. */
            rack: string;
        };
        /** @description A client that sends heartbeats. */
        CastleClient: {
            /** @description The application. */
            app: string;
            /** @description What it has in its groups. */
            assigned?: components["schemas"]["GroupPartition"][];
            /** @description The program's name. */
            client_id: string;
            /** @description Directives that it has not done. */
            directives?: components["schemas"]["Directive"][];
            /** @description Where it runs. */
            host: string;
            /** @description Its own name. */
            instance_id: string;
            /**
             * Format: int64
             * @description The node that heard from it last.
             */
            node: number;
            /** @description Its failure domain. */
            rack: string;
            /** @description The library. */
            sdk: string;
            /**
             * Format: int64
             * @description Milliseconds since its last heartbeat.
             */
            silent_ms: number;
            /**
             * Format: int64
             * @description When it was first heard there, in milliseconds since 1970.
             */
            since_ms: number;
            /** @description How it is doing. */
            stats: components["schemas"]["ClientStats"];
            /** @description What it produces to and consumes. */
            subscriptions: components["schemas"]["Subscription"][];
        };
        /** @description How a client is doing, since its last heartbeat where it is a count. */
        ClientStats: {
            /**
             * Format: int64
             * @description Bytes written or read.
             * @default 0
             */
            bytes: number;
            /**
             * Format: int64
             * @description Requests that failed.
             * @default 0
             */
            errors: number;
            /**
             * Format: int64
             * @description Records in flight: not acknowledged, or not settled.
             * @default 0
             */
            in_flight: number;
            /**
             * Format: int64
             * @description Records that it is behind, over all it consumes.
             * @default 0
             */
            lag: number;
            /**
             * Format: int64
             * @description Records written or read.
             * @default 0
             */
            records: number;
        };
        /** @description Answer of `GET /v1/cluster/config`. */
        ClusterConfig: {
            /** @description Every setting with what is in effect. */
            config: {
                [key: string]: string;
            };
            /** @description Those that were set explicitly. */
            config_set: string[];
        };
        /** @description Another cluster. */
        ClusterDescription: {
            /** @description The name that this cluster has for it. */
            name: string;
            /** @description URLs of its servers. */
            servers: string[];
            /** @description Topics of this cluster that move there, or have. */
            topics?: string[];
        };
        /** @description Where to go in one cluster. */
        ClusterDispatch: {
            /** @description A handful of brokers, best first: in the client's rack, with little load. */
            brokers: components["schemas"]["BrokerCandidate"][];
            /** @description The topics that the client named and this cluster has. */
            topics?: {
                [key: string]: components["schemas"]["TopicDispatch"];
            };
        };
        /** @description Answer of `GET /v1/cluster/health`. */
        ClusterHealth: {
            /** @description Nodes in the cluster that are not heard from. */
            dead_nodes: number[];
            /** @description Partitions that nobody leads: they take no writes. */
            leaderless_partitions: components["schemas"]["PartitionName"][];
            /**
             * Format: int64
             * @description Replica moves that have not finished.
             */
            moves: number;
            /** @description One sentence each: what is wrong and what it means. */
            problems: string[];
            /** @description The worst of what is listed. */
            status: components["schemas"]["HealthStatus"];
            /** @description Partitions with fewer replicas in sync than they should have. */
            under_replicated_partitions: components["schemas"]["PartitionName"][];
        };
        /** @description Answer of `GET /v1/cluster`. */
        ClusterStatus: {
            /** @description Identity, chosen at bootstrap. */
            cluster_id: string;
            /**
             * Format: int64
             * @description Node that leads the metadata group.
             */
            controller?: number | null;
            /**
             * Format: int64
             * @description State of the metadata it is at.
             */
            metadata_index: number;
            /** @description Voters of the metadata group. */
            metadata_voters?: number[];
            /**
             * Format: int64
             * @description The node that answers; what follows is its view.
             */
            node: number;
            /** @description All nodes, by id. */
            nodes: components["schemas"]["NodeDescription"][];
            /**
             * Format: int64
             * @description Number of partitions.
             */
            partitions: number;
            /**
             * Format: int64
             * @description Number of topics.
             */
            topics: number;
            /** @description Version of that node's program. */
            version: string;
        };
        /** @description What a client can be asked to do. */
        Command: {
            /** @enum {string} */
            kind: "reinit";
        } | {
            /** @enum {string} */
            kind: "exit";
        } | {
            /** @enum {string} */
            kind: "pause";
        } | {
            /** @enum {string} */
            kind: "resume";
        } | {
            /**
             * Format: int64
             * @description Bytes a second.
             */
            bytes_per_second: number;
            /** @enum {string} */
            kind: "throttle";
        } | {
            /** @enum {string} */
            kind: "move";
            /** @description `node:N`, or `rack:NAME`. */
            to: string;
        } | {
            /** @enum {string} */
            kind: "reset";
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description Asks something of a client. */
        CommandRequest: components["schemas"]["Command"] & {
            /**
             * Format: int64
             * @description It is forgotten if it is not done in so many milliseconds; 300,000 unless given.
             */
            ttl_ms?: number | null;
        };
        /** @description A command that was taken. */
        CommandResponse: {
            /**
             * Format: int64
             * @description It is forgotten then, in milliseconds since 1970.
             */
            expires_ms: number;
            /**
             * Format: int64
             * @description Its number.
             */
            id: number;
        };
        /** @description An offset to commit. */
        CommitOffset: {
            /** @description A note. */
            metadata?: string;
            /**
             * Format: int64
             * @description The next offset to process.
             */
            offset: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description Commits offsets: all below them is done. */
        CommitRequest: {
            /**
             * Format: int64
             * @description The generation that the member knows.
             */
            generation?: number;
            /** @description Who; absent where the group has no members. */
            member?: string | null;
            /** @description The next offset to process, per partition. */
            offsets: components["schemas"]["CommitOffset"][];
        };
        /** @description How far a group is after a commit. */
        CommitResponse: {
            /** @description Per partition that was named. */
            offsets: components["schemas"]["CommittedOffset"][];
        };
        /** @description How far a group is in a partition. */
        CommittedOffset: {
            /**
             * Format: int64
             * @description The next offset to process.
             */
            offset: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description `POST /v1/topics`. */
        CreateTopicRequest: {
            /**
             * @description Kafka's topic keys plus `ack`, `ack1.max.lag.ms` and those of the dead-letter switch. Values
             *     are strings, numbers or booleans.
             */
            config?: {
                [key: string]: string;
            };
            /** @description Only check and plan. */
            dry_run?: boolean;
            /** @description 1 to 249 characters out of `A-Z a-z 0-9 . _ -`. */
            name: string;
            /**
             * Format: int32
             * @description Number of partitions; 1 if missing.
             */
            partitions?: number | null;
            /**
             * Format: int32
             * @description Replicas of each partition; min(3, live nodes) if missing.
             */
            replication_factor?: number | null;
        };
        /** @description Answer of `POST /v1/topics`. */
        CreateTopicResponse: {
            /** @description What was set explicitly. */
            config: {
                [key: string]: string;
            };
            /** @description Nothing was created. */
            dry_run?: boolean;
            /** @description Its identity; a topic recreated under the same name has another. */
            id: string;
            /**
             * Format: int64
             * @description State of the metadata that has it; missing with a dry run.
             */
            metadata_index?: number | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: int32
             * @description Number of partitions.
             */
            partitions: number;
            /** @description Node ids by partition, the preferred leader first. */
            replicas: number[][];
            /**
             * Format: int32
             * @description Replicas of each partition.
             */
            replication_factor: number;
        };
        /** @description What a group has not processed of a topic. */
        DeadLetterBacklog: {
            /**
             * Format: int64
             * @description Records in it that were neither redriven nor purged.
             */
            depth: number;
            /** @description Whether `depth` is exact; if not there are no more than so many. */
            depth_is_exact: boolean;
            /**
             * Format: int64
             * @description Records on their way into the dead-letter topic.
             */
            dying: number;
            /**
             * Format: int64
             * @description Records that wait to be delivered again.
             */
            parked: number;
            /** @description Name of its dead-letter topic. */
            topic: string;
        };
        /** @description Answer of `GET /v1/topics/{t}/dead-letter`. */
        DeadLetterDescription: components["schemas"]["DeadLetterSettings"] & {
            /**
             * @description What waits of each group, by name, where none was asked about: of those that have something,
             *     and of 100 at most.
             */
            backlogs?: {
                [key: string]: components["schemas"]["DeadLetterBacklog"];
            };
            dead_letter_topic?: components["schemas"]["DeadLetterTopic"] | null;
            /**
             * Format: int64
             * @description Of the group that was asked about: records in its dead-letter topic that were neither redriven
             *     nor purged. Absent where those who know did not answer, and so are the next three.
             */
            depth?: number | null;
            /**
             * @description Whether `depth` is exact. If not there are no more than so many: the topic is not the group's
             *     alone, and too long to look at every record.
             */
            depth_is_exact?: boolean | null;
            /**
             * Format: int64
             * @description Records of the group on their way into the dead-letter topic.
             */
            dying?: number | null;
            /** @description Whose they are. */
            from: components["schemas"]["DeadLetterFrom"];
            /** @description The group that was asked about. */
            group?: string | null;
            /** @description Groups that have a switch of their own; empty where one group was asked about. */
            groups?: {
                [key: string]: components["schemas"]["DeadLetterSettings"];
            };
            /**
             * Format: int64
             * @description Records of the group that wait to be delivered again.
             */
            parked?: number | null;
        };
        /**
         * @description Whose switch it is.
         * @enum {string}
         */
        DeadLetterFrom: "default" | "topic" | "group";
        /** @description Where a dead record came from. */
        DeadLetterOrigin: {
            /**
             * Format: int64
             * @description Position in the partition.
             */
            offset: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description The timestamp that it had there, in milliseconds since 1970.
             */
            timestamp: number;
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description A record that a group gave up. */
        DeadLetterRecord: {
            /**
             * Format: int32
             * @description How often it was delivered.
             */
            attempts: number;
            /** @description What went wrong the last time. */
            error: string;
            /** @description The group that gave it up. */
            group: string;
            /**
             * @description Its own, without those that say where it came from. An object, or `[["name","value"],…]`
             *     where a name repeats.
             */
            headers?: {
                [key: string]: unknown;
            };
            /** @description A string, null, or `{"$base64":"…"}`. */
            key?: unknown;
            /**
             * Format: int64
             * @description Its offset there.
             */
            offset: number;
            /** @description Where it came from. */
            origin: components["schemas"]["DeadLetterOrigin"];
            /**
             * Format: int32
             * @description Its partition of the dead-letter topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description When it was given up, in milliseconds since 1970.
             */
            timestamp: number;
            /** @description As the encoding says, null, or `{"$base64":"…"}`. */
            value?: unknown;
        };
        /** @description Answer of `GET /v1/topics/{t}/dead-letter/records`. */
        DeadLetterRecords: {
            /**
             * Format: int64
             * @description Records that wait in it, as `DeadLetterDescription` counts them; absent where its leaders did
             *     not answer.
             */
            depth?: number | null;
            /** @description Where to go on, also where no record of this slice matched; null at the end. */
            next_cursor?: string | null;
            /**
             * @description Those that match, in offset order within a partition of the dead-letter topic. Redriven and
             *     purged ones are left out.
             */
            records: components["schemas"]["DeadLetterRecord"][];
            /** @description Name of the dead-letter topic. */
            topic: string;
        };
        /** @description What becomes of records that a consumer group does not process. */
        DeadLetterSettings: {
            /**
             * Format: int32
             * @description Deliveries of a record before it is given up.
             */
            attempts: number;
            /**
             * Format: double
             * @description Each delay is so many times the one before.
             */
            backoff: number;
            /**
             * Format: int64
             * @description Milliseconds after the first delivery until the second.
             */
            delay_ms: number;
            /**
             * Format: int64
             * @description Milliseconds of the longest delay.
             */
            delay_ms_max: number;
            /** @description Off: a record is delivered again in place, as often as it takes, and its partition waits. */
            enabled: boolean;
            /** @description Topic that dead records go to; null = `<topic>.<group>.dlq`, one for each group. */
            topic?: string | null;
        };
        /** @description A topic that dead records go to. */
        DeadLetterTopic: {
            /** @description Whether it is there; if not it is created before the first record goes to it. */
            exists: boolean;
            /** @description Its name. */
            name: string;
        };
        /** @description Answer of `GET /v1/cluster/nodes/{id}/decommission`. */
        DecommissionProgress: {
            /** @description Why it can't go on. */
            blockers: string[];
            /**
             * Format: int64
             * @description Bytes still to be copied from it.
             */
            bytes_left: number;
            /**
             * Format: int64
             * @description Milliseconds until it is done at the present rate; missing while nothing moves.
             */
            eta_ms?: number | null;
            /**
             * Format: int64
             * @description The node.
             */
            node: number;
            /**
             * Format: int64
             * @description Replicas still on it.
             */
            partitions_left: number;
            /** @description Its state. */
            state: string;
        };
        /** @description How a group is to be deleted. */
        DeleteGroupRequest: {
            /**
             * @description Although records of it are parked: they are dropped.
             * @default false
             */
            force: boolean;
        };
        /** @description Something that a client is asked to do. */
        Directive: components["schemas"]["Command"] & {
            /**
             * Format: int64
             * @description Its number, for `done`.
             */
            id: number;
        };
        /**
         * @description Encoding of a body's records; the body's field or `?encoding=`.
         * @enum {string}
         */
        Encoding: "json" | "string" | "base64";
        /** @description A JSON answer. */
        FetchResponse: {
            /**
             * Format: int64
             * @description Nobody reads at or above it; of one partition only.
             */
            high_watermark?: number | null;
            /**
             * Format: int64
             * @description First offset that can be read; of one partition only.
             */
            log_start_offset?: number | null;
            /** @description Where to go on in all partitions. */
            next_cursor?: string | null;
            /**
             * Format: int64
             * @description Where to go on; of one partition only.
             */
            next_offset?: number | null;
            /** @description In offset order within a partition; empty at the end. */
            records: components["schemas"]["FetchedRecord"][];
            /**
             * Format: int64
             * @description Nothing is written at or above it any more: from there it goes on in another cluster, which
             *     `GET /v1/castle/topics/{topic}:move` names; of one partition only.
             */
            sealed_at?: number | null;
        };
        /** @description A record in a JSON answer, an ndjson line, and the data of an SSE event. */
        FetchedRecord: {
            /** @description An object, or `[["name","value"],…]` where a name repeats. */
            headers?: {
                [key: string]: unknown;
            };
            /** @description A string, null, or `{"$base64":"…"}`. */
            key?: unknown;
            /**
             * Format: int64
             * @description Position in the partition.
             */
            offset: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description Milliseconds since 1970.
             */
            timestamp: number;
            /** @description Name of its topic. */
            topic: string;
            /** @description As the encoding says, null, or `{"$base64":"…"}`. */
            value?: unknown;
        };
        /** @description What happened to a group's records. */
        GroupCounters: {
            /**
             * Format: int64
             * @description Written to a dead-letter topic.
             */
            dead: number;
            /**
             * Format: int64
             * @description Given up.
             */
            dropped: number;
            /**
             * Format: int64
             * @description Members that were gone without a word.
             */
            expired: number;
            /**
             * Format: int64
             * @description Gone from their partition before they were delivered.
             */
            lost: number;
            /**
             * Format: int64
             * @description Parked.
             */
            parked: number;
            /**
             * Format: int64
             * @description Processed after they were parked.
             */
            recovered: number;
            /**
             * Format: int64
             * @description Taken from a dead-letter topic and parked again.
             */
            redriven: number;
        };
        /** @description A group. */
        GroupDescription: {
            /** @description What happened to its records since it was created. */
            counters: components["schemas"]["GroupCounters"];
            /**
             * Format: int64
             * @description When it was created, in milliseconds since 1970.
             */
            created_ms: number;
            /**
             * Format: int64
             * @description Its generation.
             */
            generation: number;
            /** @description Its name. */
            group: string;
            /** @description Who is in it. */
            members: components["schemas"]["GroupMember"][];
            /** @description Partition by partition. */
            partitions: components["schemas"]["GroupPartitionDescription"][];
            /** @description `server`, or Kafka's. */
            protocol: string;
        };
        /** @description A member of a group. */
        GroupMember: {
            /** @description The program's name. */
            client_id: string;
            /** @description Where it runs. */
            host: string;
            /** @description A name that outlives a restart, if it has one. */
            instance_id?: string | null;
            /** @description Its name. */
            member: string;
            /** @description Its failure domain. */
            rack: string;
            /**
             * Format: int32
             * @description It is gone after so many milliseconds without a sign of life.
             */
            session_ms: number;
        };
        /** @description A partition in a group. */
        GroupPartition: {
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description A partition in a group. */
        GroupPartitionDescription: {
            /**
             * Format: int64
             * @description The next offset to process.
             */
            committed?: number | null;
            /**
             * Format: int64
             * @description Records on their way into a dead-letter topic.
             */
            dying: number;
            /**
             * Format: int64
             * @description End of what can be read; absent where no leader answered.
             */
            high_watermark?: number | null;
            /** @description Who holds it. */
            holder?: string | null;
            /**
             * Format: int64
             * @description Records in the holder's hands.
             */
            in_flight: number;
            /**
             * Format: int64
             * @description Records that the group has not done: in hand, parked and to come.
             */
            lag?: number | null;
            /**
             * Format: int64
             * @description Records that wait to be delivered again.
             */
            parked: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Name of the topic; its id where it is gone. */
            topic: string;
        };
        /** @description A group in a list. */
        GroupSummary: {
            /**
             * Format: int64
             * @description Its generation.
             */
            generation: number;
            /** @description Its name. */
            group: string;
            /**
             * Format: int64
             * @description How many members it has.
             */
            members: number;
            /**
             * Format: int64
             * @description Records that wait to be delivered again, or are on their way into a dead-letter topic.
             */
            parked: number;
            /**
             * Format: int64
             * @description Partitions it has offsets of.
             */
            partitions: number;
        };
        /**
         * @description How bad it is.
         * @enum {string}
         */
        HealthStatus: "ok" | "degraded" | "unavailable";
        /** @description A client says that it is there, what it does, and what it has done of what it was asked to. */
        HeartbeatRequest: {
            /**
             * @description The application, for people.
             * @default
             */
            app: string;
            /**
             * @description The program's name; many clients may share it.
             * @default
             */
            client_id: string;
            /**
             * @description Directives that it has done.
             * @default []
             */
            done: number[];
            /**
             * @description Where it runs, for people.
             * @default
             */
            host: string;
            /**
             * @description The client's own name: unique while it runs, and what commands are addressed to.
             * @default
             */
            instance_id: string;
            /**
             * Format: int64
             * @description The version of the last answer that it has; 0 = none.
             * @default 0
             */
            known_version: number;
            /**
             * @description Its failure domain: brokers there are preferred.
             * @default
             */
            rack: string;
            /**
             * @description The library and its version, for people.
             * @default
             */
            sdk: string;
            /**
             * @description A random text made when the client started: tells two clients with one name apart.
             * @default
             */
            session: string;
            /**
             * @description How it is doing.
             * @default {
             *       "bytes": 0,
             *       "errors": 0,
             *       "in_flight": 0,
             *       "lag": 0,
             *       "records": 0
             *     }
             */
            stats: components["schemas"]["ClientStats"];
            /**
             * @description What it produces to and consumes.
             * @default []
             */
            subscriptions: components["schemas"]["Subscription"][];
        };
        /** @description What a client is to do. */
        HeartbeatResponse: {
            /** @description Where to go, by the cluster's name; absent when nothing changed. */
            clusters?: {
                [key: string]: components["schemas"]["ClusterDispatch"];
            };
            /** @description Why the client was not registered, or why a group of it could not be asked or did not take it. */
            code?: string | null;
            /** @description In words. */
            detail?: string | null;
            /** @description What to do, in order; each comes until it is among `done`. */
            directives?: components["schemas"]["Directive"][];
            /**
             * Format: int64
             * @description When to send the next heartbeat, in milliseconds from now.
             */
            interval_ms: number;
            /** @description How it stands. */
            status: components["schemas"]["HeartbeatStatus"];
            /**
             * Format: int64
             * @description The client is forgotten after so many milliseconds without one.
             */
            ttl_ms: number;
            /**
             * Format: int64
             * @description Of this answer: grows with whatever changes in it.
             */
            version: number;
        };
        /**
         * @description How a client stands.
         * @enum {string}
         */
        HeartbeatStatus: "ok" | "no_change" | "register_fail" | "no_partition_assign";
        /** @description How far a group is behind. */
        LagResponse: {
            /**
             * Format: int64
             * @description Over all partitions whose leader answered.
             */
            lag: number;
            /** @description Partition by partition. */
            partitions: components["schemas"]["GroupPartitionDescription"][];
        };
        /** @description Where a line's record landed. */
        LineDone: {
            /**
             * Format: int64
             * @description Number of the line in the request, from 1, blank ones counted.
             */
            line: number;
            /**
             * Format: int64
             * @description Position in it; missing with ack 0.
             */
            offset?: number | null;
            /**
             * Format: int32
             * @description Partition.
             */
            partition: number;
        };
        /** @description Why a line's record was not written, or that it is unknown. */
        LineFailed: components["schemas"]["ProblemBody"] & {
            /**
             * Format: int64
             * @description Number of the line in the request, from 1, blank ones counted.
             */
            line: number;
        };
        /** @description Answer to one ndjson line. */
        LineResult: components["schemas"]["LineDone"] | components["schemas"]["LineFailed"];
        /** @description All clients that the cluster's nodes have heard of. */
        ListClientsResponse: {
            /** @description By program and name. */
            clients: components["schemas"]["CastleClient"][];
            /** @description Nodes that did not answer: their clients are missing. */
            missing_nodes?: number[];
        };
        /** @description Answer of `GET /v1/castle/clusters`. */
        ListClustersResponse: {
            /** @description By name. */
            clusters: components["schemas"]["ClusterDescription"][];
        };
        /** @description All groups. */
        ListGroupsResponse: {
            /** @description By name. */
            groups: components["schemas"]["GroupSummary"][];
        };
        /** @description Answer of `GET /v1/cluster/moves`. */
        ListMovesResponse: {
            /** @description Moves that have not finished. */
            moves: components["schemas"]["MoveDescription"][];
        };
        /** @description Answer of `GET /v1/cluster/nodes`. */
        ListNodesResponse: {
            /** @description By id. */
            nodes: components["schemas"]["NodeDescription"][];
        };
        /** @description Answer of `GET /v1/topics`. */
        ListTopicsResponse: {
            /** @description By name. */
            topics: components["schemas"]["TopicSummary"][];
        };
        /** @description Answer of a change to the cluster's metadata that has nothing else to say. */
        MetadataChanged: {
            /**
             * Format: int64
             * @description State of the metadata that has the change; `min_metadata_index` of a later request.
             */
            metadata_index: number;
        };
        /** @description A partition on its way to other nodes. */
        MoveDescription: {
            /** @description What stands in the way. */
            blockers?: string[];
            /**
             * Format: int64
             * @description Bytes still to be copied, if known.
             */
            bytes_left?: number | null;
            /**
             * Format: int64
             * @description Milliseconds until it is done at the present rate.
             */
            eta_ms?: number | null;
            /** @description Nodes that have a replica now. */
            from: number[];
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Nodes that will have one. */
            to: number[];
            /** @description Topic. */
            topic: string;
        };
        /** @description `POST /v1/castle/topics/{t}:move`. */
        MoveTopicRequest: {
            /** @description Only check. */
            dry_run?: boolean;
            /** @description Only announce it: nothing is sealed before the same is asked for without this. */
            hold?: boolean;
            /** @description Name of the cluster. */
            to: string;
        };
        /** @description The cluster where a topic goes on, and what it is there. */
        MovedTo: {
            /** @description The name that this cluster has for it. */
            cluster: string;
            /** @description The topic's id there. */
            id: string;
            /**
             * Format: int64
             * @description Where the partition ends here, once this node knows.
             */
            sealed_at?: number | null;
            /** @description URLs of its servers. */
            servers: string[];
        };
        /**
         * @description `POST /v1/cluster/nodes/{id}:drain`, `:decommission`, `:recommission`, and `DELETE`; the body
         *     may be missing.
         */
        NodeActionRequest: {
            /** @description Only check, and say what blocks it. */
            dry_run?: boolean;
            /** @description Do it even though the check says that it can't finish. */
            force?: boolean;
        };
        /** @description Answer of a node action. */
        NodeActionResponse: {
            /** @description What stands in the way of finishing. */
            blockers?: string[];
            /**
             * Format: int64
             * @description State of the metadata that has the change; missing with a dry run.
             */
            metadata_index?: number | null;
            /**
             * Format: int64
             * @description The node.
             */
            node: number;
            /** @description Its state now. */
            state: string;
        };
        /** @description A node as the answering node sees it. */
        NodeDescription: {
            /** @description Whether it is heard from. */
            alive: boolean;
            /** @description `host:port` of its HTTP listener. */
            http: string;
            /**
             * Format: int64
             * @description Never reused.
             */
            id: number;
            /**
             * Format: int64
             * @description Partitions it leads.
             */
            leaders: number;
            /** @description Part in the metadata group: `leader`, `voter` or `learner`. */
            metadata_role?: string | null;
            /** @description `host:port` of its peer listener. */
            peer: string;
            /** @description Failure domain; empty = its own. */
            rack: string;
            /**
             * Format: int64
             * @description Replicas placed on it.
             */
            replicas: number;
            /**
             * Format: int64
             * @description Milliseconds since it was last heard from; missing for the answering node itself, and if
             *     never.
             */
            silent_ms?: number | null;
            /** @description `active`, `draining`, `decommissioning`, `decommissioned` or `replaced`. */
            state: string;
            /** @description Version of its program. */
            version: string;
        };
        /** @description A partition as its leader sees it; without the numbers if the leader did not answer. */
        PartitionDescription: {
            /**
             * Format: int64
             * @description Nobody reads at or above it.
             */
            high_watermark?: number | null;
            /**
             * Format: int64
             * @description Node that leads it.
             */
            leader?: number | null;
            /**
             * Format: int64
             * @description Term of that leader.
             */
            leader_epoch: number;
            /**
             * Format: int64
             * @description End of the leader's log.
             */
            log_end_offset?: number | null;
            /**
             * Format: int64
             * @description First offset that can be read.
             */
            log_start_offset?: number | null;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Why the numbers are missing. */
            problem?: string | null;
            /** @description All replicas. */
            replicas: components["schemas"]["ReplicaDescription"][];
            /**
             * Format: int64
             * @description Nothing is written at or above it any more: the topic goes on in another cluster.
             */
            sealed_at?: number | null;
            /**
             * Format: int64
             * @description Bytes of the leader's log.
             */
            size_bytes?: number | null;
        };
        /** @description Where a partition is. A hint: a broker that does not lead refuses with the right leader. */
        PartitionDispatch: {
            /**
             * Format: int64
             * @description The leader's epoch.
             */
            epoch: number;
            /**
             * Format: int64
             * @description The node that leads it, as far as this one knows.
             */
            leader?: number | null;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description Nothing is written at or above it any more: the partition goes on in another cluster.
             */
            sealed_at?: number | null;
        };
        /** @description A partition by name. */
        PartitionName: {
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Topic. */
            topic: string;
        };
        /** @description Where a partition ends, if it does. */
        PartitionSeal: {
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description No record is written at or above it any more.
             */
            sealed_at?: number | null;
        };
        /** @description A leadership on its way to another node. */
        PlannedTransfer: {
            /**
             * Format: int64
             * @description Node that leads now.
             */
            from?: number | null;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description Node that will lead.
             */
            to: number;
            /** @description Topic. */
            topic: string;
        };
        /** @description Asks for records as a member of a group. The first poll joins. */
        PollRequest: {
            /**
             * @description The program's name, for people.
             * @default
             */
            client_id: string;
            /**
             * @description How keys and values are written in the answer.
             * @default null
             */
            encoding: string | null;
            /**
             * @description Where it runs, for people.
             * @default
             */
            host: string;
            /**
             * @description A name that outlives a restart.
             * @default null
             */
            instance_id: string | null;
            /**
             * Format: int64
             * @description Milliseconds in which the records are to be settled; 30,000 unless given. Later they are
             *     delivered again, to anybody.
             * @default null
             */
            lock_ms: number | null;
            /**
             * Format: int64
             * @description Keys, values and headers in all, about; 1 MiB unless given.
             * @default null
             */
            max_bytes: number | null;
            /**
             * Format: int64
             * @description Records at most; 500 unless given.
             * @default null
             */
            max_records: number | null;
            /**
             * @description Who polls; empty = a new member, whose name is in the answer.
             * @default
             */
            member: string;
            /**
             * @description Its failure domain: partitions with a replica there are preferred.
             * @default
             */
            rack: string;
            /**
             * Format: int64
             * @description The member is gone after so many milliseconds without a sign of life; 15,000 unless given.
             * @default null
             */
            session_ms: number | null;
            /**
             * @description Where the group begins in partitions that it never read.
             * @default latest
             */
            start: components["schemas"]["StartAt"];
            /**
             * @description Names of the topics to read.
             * @default []
             */
            topics: string[];
            /**
             * Format: int64
             * @description Milliseconds to wait for a record if there is none.
             * @default null
             */
            wait_ms: number | null;
        };
        /** @description What a member gets. */
        PollResponse: {
            /** @description The partitions that it holds. */
            assignment: components["schemas"]["GroupPartition"][];
            /**
             * Format: int64
             * @description The group's generation; a commit names it.
             */
            generation: number;
            /** @description The member's name, for the next requests. */
            member: string;
            /** @description Records, in offset order within a partition. */
            records: components["schemas"]["PolledRecord"][];
        };
        /** @description A record in a member's hands. */
        PolledRecord: {
            /** @description What to hand back. */
            ack_token: string;
            /**
             * Format: int32
             * @description Which delivery it is, from 1.
             */
            attempt: number;
            /** @description What went wrong the last time, if it was parked. */
            error?: string | null;
            /** @description An object, or `[["name","value"],…]` where a name repeats. */
            headers?: {
                [key: string]: unknown;
            };
            /** @description A string, null, or `{"$base64":"…"}`. */
            key?: unknown;
            /**
             * Format: int64
             * @description Position in the partition.
             */
            offset: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description Milliseconds since 1970.
             */
            timestamp: number;
            /** @description Name of its topic. */
            topic: string;
            /** @description As the encoding says, null, or `{"$base64":"…"}`. */
            value?: unknown;
        };
        /** @description Answer of a probe that finds nothing wrong. */
        Probe: {
            /** @description `alive` or `ready`. */
            status: string;
        };
        /** @description What was wrong, whether anything was done, and what to do next. */
        ProblemBody: {
            /**
             * @description A stable word that programs may compare.
             * @example NOT_LEADER
             */
            code: string;
            /** @description What was wrong, naming the thing. */
            detail: string;
            /** @description What would be right, or what to do next. */
            hint?: string | null;
            /**
             * Format: int64
             * @description Node id of the leader to ask instead.
             */
            leader?: number | null;
            moved_to?: components["schemas"]["MovedTo"] | null;
            /** @description With status 207: what became of each record, in the order of the request. */
            offsets?: components["schemas"]["RecordResult"][] | null;
            /**
             * @description Whether the work was certainly not done, or may have happened.
             * @example not_done
             */
            outcome: string;
            /** @description Whether the same request can succeed later or elsewhere. */
            retriable: boolean;
            /**
             * Format: int64
             * @description Milliseconds after which trying again makes sense; `Retry-After` in finer units.
             */
            retry_after_ms?: number | null;
            /**
             * Format: int32
             * @description HTTP status, here too.
             */
            status: number;
            /** @description The kind in words. */
            title: string;
            /** @description Names the kind of problem; `urn:rampart:error:` and the code. */
            type: string;
            valid_offsets?: components["schemas"]["ValidOffsets"] | null;
        };
        /** @description A record in a JSON body, and an ndjson line. */
        ProduceRecord: {
            /** @description An object of strings, or `[["name","value"],…]` where a name repeats. */
            headers?: {
                [key: string]: string;
            };
            /** @description A string, or null; under base64 its bytes. */
            key?: string | null;
            /**
             * Format: int32
             * @description Where to; by key, or the least-filled one, if missing.
             */
            partition?: number | null;
            /**
             * Format: int64
             * @description Milliseconds since 1970; now if missing.
             */
            timestamp?: number | null;
            /** @description Any JSON (`json`) or a string (`string`, `base64`); null or missing is a tombstone. */
            value?: unknown;
        };
        /** @description A JSON body, as clients build it. The server reads it with [`JsonRecords`] instead. */
        ProduceRequest: {
            /** @description How keys, values and header values stand in `records`; `json` if missing. */
            encoding?: components["schemas"]["Encoding"];
            /** @description Written in this order; at most 10,000. */
            records: components["schemas"]["ProduceRecord"][];
        };
        /** @description Answer to a JSON body. */
        ProduceResponse: {
            /** @description In the order of the records. */
            offsets: components["schemas"]["ProducedOffset"][];
        };
        /** @description Where a record landed. */
        ProducedOffset: {
            /**
             * Format: int64
             * @description Term of the leader that wrote it.
             */
            leader_epoch: number;
            /**
             * Format: int64
             * @description Position in it.
             */
            offset: number;
            /**
             * Format: int32
             * @description Partition.
             */
            partition: number;
            /**
             * Format: int64
             * @description Milliseconds since 1970, as stored.
             */
            timestamp: number;
        };
        /** @description Who a producer is. Its sequences begin at 0 in each partition, with every epoch. */
        ProducerIdentity: {
            /**
             * Format: int32
             * @description Batches of earlier epochs are refused once one of this has been written.
             */
            epoch: number;
            /**
             * Format: int64
             * @description Its id, nobody else's.
             */
            producer_id: number;
        };
        /** @description Asks for a producer id, or for the next epoch of one. */
        ProducerRequest: {
            /**
             * Format: int32
             * @description The producer's present epoch; with `producer_id`.
             */
            epoch?: number | null;
            /**
             * Format: int64
             * @description Absent: a new one.
             */
            producer_id?: number | null;
        };
        /** @description `POST /v1/topics/{t}/dead-letter:purge`: dead records are given up for good. */
        PurgeRequest: {
            /**
             * @description Only those whose value has this text in it.
             * @default null
             */
            contains: string | null;
            /**
             * @description The `next_cursor` of the slice before; absent = from the beginning.
             * @default null
             */
            cursor: string | null;
            /**
             * @description Only counts.
             * @default false
             */
            dry_run: boolean;
            /**
             * @description Only those whose error has this in it.
             * @default null
             */
            error: string | null;
            /**
             * @description The group that gave them up.
             * @default
             */
            group: string;
            /**
             * @description Only those whose key is this text.
             * @default null
             */
            key: string | null;
            /**
             * Format: int64
             * @description Records of this slice at most; 1,000 unless given, and no more than 10,000.
             * @default null
             */
            max_records: number | null;
            /**
             * Format: int64
             * @description Only those that had this offset in their partition.
             * @default null
             */
            offset: number | null;
            /**
             * Format: int32
             * @description Only those from this partition.
             * @default null
             */
            partition: number | null;
        };
        /** @description What a slice of a purge did. */
        PurgeResponse: {
            /** @description Nothing was changed. */
            dry_run?: boolean;
            /**
             * Format: int64
             * @description Records of these that match and were neither redriven nor purged before.
             */
            matched: number;
            /** @description Where to go on; null when all that was there is done. */
            next_cursor?: string | null;
            /**
             * Format: int64
             * @description Those that this request gave up. None with a dry run.
             */
            purged: number;
            /**
             * Format: int64
             * @description Records that were looked at.
             */
            scanned: number;
        };
        /** @description Answer of `:rebalance`. */
        RebalancePlan: {
            /** @description Nothing was started. */
            dry_run?: boolean;
            /** @description Replicas that move. */
            moves: components["schemas"]["MoveDescription"][];
            /** @description Leaderships that move. */
            transfers: components["schemas"]["PlannedTransfer"][];
        };
        /** @description `POST /v1/cluster:rebalance`; the body may be missing. */
        RebalanceRequest: {
            /** @description Only plan. */
            dry_run?: boolean;
        };
        /** @description A problem of one record or partition among several. */
        RecordError: {
            /** @description A stable word that programs may compare. */
            code: string;
            /** @description What was wrong. */
            detail: string;
            /** @description Whether the work was certainly not done, or may have happened. */
            outcome: string;
            /** @description Whether the same request can succeed later or elsewhere. */
            retriable: boolean;
        };
        /** @description What became of one record where others fared differently. */
        RecordResult: components["schemas"]["ProducedOffset"] | {
            /** @description Why. */
            error: components["schemas"]["RecordError"];
            /**
             * Format: int32
             * @description The partition it was meant for.
             */
            partition?: number | null;
        };
        /** @description `POST /v1/topics/{t}/dead-letter:redrive`: dead records are delivered again. */
        RedriveRequest: {
            /**
             * @description Only those whose value has this text in it.
             * @default null
             */
            contains: string | null;
            /**
             * @description The `next_cursor` of the slice before; absent = from the beginning.
             * @default null
             */
            cursor: string | null;
            /**
             * @description Only counts.
             * @default false
             */
            dry_run: boolean;
            /**
             * @description Only those whose error has this in it.
             * @default null
             */
            error: string | null;
            /**
             * @description The group that gave them up.
             * @default
             */
            group: string;
            /**
             * @description Only those whose key is this text.
             * @default null
             */
            key: string | null;
            /**
             * Format: int64
             * @description Records of this slice at most; 1,000 unless given, and no more than that.
             * @default null
             */
            max_records: number | null;
            /**
             * Format: int64
             * @description Only those that had this offset in their partition.
             * @default null
             */
            offset: number | null;
            /**
             * Format: int32
             * @description Only those from this partition.
             * @default null
             */
            partition: number | null;
            /**
             * @description Where to.
             * @default group
             */
            to: components["schemas"]["RedriveTo"];
        };
        /** @description What a slice of a redrive did. */
        RedriveResponse: {
            /**
             * Format: int64
             * @description Of the matched ones, those that somebody else, or this request's own first try, redrove or
             *     purged meanwhile.
             */
            already: number;
            /** @description Nothing was changed. */
            dry_run?: boolean;
            /**
             * Format: int64
             * @description Of the matched ones, those that had no room: they stay where they are, and `next_cursor`
             *     begins with them. Ask again when the group has processed what it was given.
             */
            left: number;
            /** @description Why, if any were left. */
            left_because?: string | null;
            /**
             * Format: int64
             * @description Records of these that match and were neither redriven nor purged before.
             */
            matched: number;
            /** @description Where to go on; null when all that was there is done. */
            next_cursor?: string | null;
            /**
             * Format: int64
             * @description Of the matched ones, those that this request brought back. None with a dry run.
             */
            redriven: number;
            /**
             * Format: int64
             * @description Records that were looked at.
             */
            scanned: number;
        };
        /** @description Where dead records go. */
        RedriveTo: "group" | {
            /** @description To the end of a topic with this name, for all that read it. */
            topic: string;
        };
        /** @description A record that a member rejects. */
        RejectItem: {
            /** @description What is wrong with it. */
            error?: string;
            /** @description Its token. */
            token: string;
        };
        /** @description A record that a member keeps. */
        RenewItem: {
            /**
             * Format: int64
             * @description For so many milliseconds from now; 30,000 unless given.
             */
            lock_ms?: number | null;
            /** @description Its token. */
            token: string;
        };
        /** @description One replica as its leader sees it. */
        ReplicaDescription: {
            /** @description Whether its node is alive, as seen by the node that answers. */
            alive: boolean;
            /** @description Member of the in-sync set. */
            in_sync?: boolean | null;
            /**
             * Format: int64
             * @description Milliseconds since it was last caught up.
             */
            lag_ms?: number | null;
            /**
             * Format: int64
             * @description Records it is behind the leader's log end.
             */
            lag_records?: number | null;
            /**
             * Format: int64
             * @description Offset after the last record it is known to have on disk.
             */
            match_offset?: number | null;
            /**
             * Format: int64
             * @description Its node.
             */
            node: number;
            /**
             * Format: int64
             * @description Its id, never reused.
             */
            replica: number;
            /** @description `leader`, `follower` or `learner`. */
            role: string;
        };
        /** @description What a reset does in one partition. */
        ResetOffset: {
            /**
             * Format: int64
             * @description Where the group was.
             */
            from?: number | null;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /**
             * Format: int64
             * @description Where it is then.
             */
            to: number;
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description Moves a group to other offsets. */
        ResetRequest: {
            /** @description Only says what would be done. */
            dry_run?: boolean;
            /** @description Although it has members: what they hold is then delivered anew. */
            force?: boolean;
            /** @description Numbers inside the topic; all of them if none is given. */
            partitions?: number[];
            /** @description Where to. */
            to: components["schemas"]["ResetTo"];
            /** @description Name of the topic. */
            topic: string;
        };
        /** @description What a reset did, or would do. */
        ResetResponse: {
            /** @description Nothing was changed. */
            dry_run: boolean;
            /** @description Per partition. */
            offsets: components["schemas"]["ResetOffset"][];
        };
        /** @description Where to move a group. */
        ResetTo: "earliest" | "latest" | {
            /**
             * Format: int64
             * @description To the first record of that time, in milliseconds since 1970, or a later one.
             */
            timestamp: number;
        } | {
            /**
             * Format: int64
             * @description To that offset, within the partition's bounds.
             */
            offset: number;
        } | {
            /**
             * Format: int64
             * @description So many records forwards, or back.
             */
            shift: number;
        };
        /** @description A record that a member wants again. */
        RetryItem: {
            /**
             * Format: int64
             * @description In so many milliseconds at the earliest; the topic's dead-letter switch says so if not given.
             */
            delay_ms?: number | null;
            /** @description What went wrong. */
            error?: string;
            /** @description Its token. */
            token: string;
        };
        /**
         * @description What a client is to a topic.
         * @enum {string}
         */
        Role: "producer" | "consumer";
        /** @description `PUT /v1/castle/clusters/{name}`. */
        SetClusterRequest: {
            /** @description URLs of its servers, as clients reach them; any of them will do. */
            servers: string[];
        };
        /** @description `PUT /v1/topics/{t}/dead-letter`: replaces the switch. What is missing has its default. */
        SetDeadLetterRequest: {
            /**
             * Format: int32
             * @description Deliveries of a record before it is given up.
             * @default 5
             */
            attempts: number;
            /**
             * Format: double
             * @description Each delay is so many times the one before.
             * @default 2
             */
            backoff: number;
            /**
             * Format: int64
             * @description Milliseconds after the first delivery until the second; at most 7 days.
             * @default 1000
             */
            delay_ms: number;
            /**
             * Format: int64
             * @description Milliseconds of the longest delay; at most 7 days.
             * @default 600000
             */
            delay_ms_max: number;
            /** @description Only check and plan. */
            dry_run?: boolean;
            /** @description On or off. */
            enabled: boolean;
            /** @description Topic that dead records go to; null or missing = `<topic>.<group>.dlq`, one for each group. */
            topic?: string | null;
        };
        /** @description Answer of `PUT /v1/topics/{t}/dead-letter`. */
        SetDeadLetterResponse: components["schemas"]["DeadLetterSettings"] & {
            /** @description The dead-letter topic that was created for it, if one was. */
            created_topic?: string | null;
            /** @description Nothing was changed. */
            dry_run?: boolean;
            /**
             * Format: int64
             * @description State of the metadata that has it; missing with a dry run.
             */
            metadata_index?: number | null;
        };
        /** @description `PUT /v1/cluster/partitions/{t}/{p}/replicas`. */
        SetReplicasRequest: {
            /** @description Take back a move that has not finished. */
            cancel?: boolean;
            /** @description Only check and show. */
            dry_run?: boolean;
            /** @description Nodes that shall have a replica, the preferred leader first. Empty with `cancel`. */
            nodes?: number[];
        };
        /** @description Answer of `PUT …/replicas`. */
        SetReplicasResponse: {
            /** @description Nothing was changed. */
            dry_run?: boolean;
            /**
             * Format: int64
             * @description State of the metadata that has the change; missing with a dry run.
             */
            metadata_index?: number | null;
            /** @description What will happen, or was taken back. */
            move: components["schemas"]["MoveDescription"];
        };
        /**
         * @description What became of a record that a member spoke of.
         * @enum {string}
         */
        Settled: "acked" | "already_settled" | "parked" | "dying" | "in_place" | "gone" | "renewed";
        /** @description Where a group begins in partitions that it never read. */
        StartAt: "earliest" | "latest" | {
            /**
             * Format: int64
             * @description With the first record of that time, in milliseconds since 1970, or a later one.
             */
            timestamp: number;
        };
        /** @description What a client does with a topic. */
        Subscription: {
            /**
             * @description Its group, if it consumes in one.
             * @default null
             */
            group: string | null;
            /**
             * @description Partitions that it holds, as it knows.
             * @default []
             */
            held: number[];
            /**
             * @description Its name in the group, once it has one.
             * @default null
             */
            member: string | null;
            /**
             * @description Producer or consumer.
             * @default producer
             */
            role: components["schemas"]["Role"];
            /**
             * @description Name of the topic.
             * @default
             */
            topic: string;
        };
        /** @description Answer of `GET /v1/topics/{t}`. */
        TopicDescription: {
            /** @description Every key with its effective value, and the dead-letter switches that groups have of their own. */
            config: {
                [key: string]: string;
            };
            /** @description The keys of `config` that were set explicitly. */
            config_set: string[];
            /**
             * Format: int64
             * @description Milliseconds since 1970.
             */
            created_ms: number;
            /** @description Its identity. */
            id: string;
            /** @description Made by the cluster itself. */
            internal: boolean;
            /** @description Its name. */
            name: string;
            /** @description By partition number. */
            partitions: components["schemas"]["PartitionDescription"][];
            /**
             * Format: int32
             * @description Replicas each partition should have.
             */
            replication_factor: number;
        };
        /** @description Where a topic is. */
        TopicDispatch: {
            /** @description What the client has of it, a line per group. */
            assigned?: components["schemas"]["Assigned"][];
            /** @description The cluster that it moves to, or has moved to. */
            moved_to?: string | null;
            /** @description Its partitions, by number. */
            partitions: components["schemas"]["PartitionDispatch"][];
        };
        /** @description Where a topic is. */
        TopicMoveDescription: {
            /** @description What keeps it from going on, as sentences. */
            blockers?: string[];
            /** @description Its id here. */
            id: string;
            /**
             * Format: int64
             * @description State of the metadata that has the change, if this is the answer to one.
             */
            metadata_index?: number | null;
            /** @description By number. */
            partitions: components["schemas"]["PartitionSeal"][];
            /** @description How far its move is. */
            phase: components["schemas"]["TopicMovePhase"];
            /**
             * Format: int64
             * @description Milliseconds since 1970, when it was announced.
             */
            started_ms?: number | null;
            to?: components["schemas"]["MovedTo"] | null;
            /** @description Name of the topic. */
            topic: string;
        };
        /**
         * @description How far a topic's move is.
         * @enum {string}
         */
        TopicMovePhase: "stays" | "preparing" | "sealing" | "moved";
        /** @description A topic in a list. */
        TopicSummary: {
            /** @description Its identity. */
            id: string;
            /** @description Made by the cluster itself. */
            internal: boolean;
            /** @description Its name. */
            name: string;
            /**
             * Format: int32
             * @description Number of partitions.
             */
            partitions: number;
            /**
             * Format: int32
             * @description Replicas each partition should have.
             */
            replication_factor: number;
        };
        /** @description `POST /v1/cluster/partitions/{t}/{p}:transfer-leadership`; the body may be missing. */
        TransferLeadershipRequest: {
            /**
             * Format: int64
             * @description Node that should lead; the best candidate if missing.
             */
            to?: number | null;
        };
        /** @description Answer of `:transfer-leadership`. */
        TransferLeadershipResponse: {
            /**
             * Format: int64
             * @description Node that leads now.
             */
            leader: number;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
            /** @description Topic. */
            topic: string;
        };
        /** @description Deletes the records of one partition below an offset. */
        TruncatePartition: {
            /**
             * Format: int64
             * @description First offset that stays; the high watermark if null or missing.
             */
            before_offset?: number | null;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
        };
        /** @description `POST /v1/topics/{t}/truncate`. */
        TruncateRequest: {
            /** @description What to delete, by partition. */
            partitions: components["schemas"]["TruncatePartition"][];
        };
        /** @description Answer of `POST /v1/topics/{t}/truncate`. */
        TruncateResponse: {
            /** @description In the order of the request. */
            partitions: components["schemas"]["TruncatedPartition"][];
        };
        /** @description What became of one partition. */
        TruncatedPartition: {
            error?: components["schemas"]["RecordError"] | null;
            /**
             * Format: int64
             * @description First offset that can be read now.
             */
            log_start_offset?: number | null;
            /**
             * Format: int32
             * @description Number inside the topic.
             */
            partition: number;
        };
        /** @description Offsets that a partition can be asked for. */
        ValidOffsets: {
            /**
             * Format: int64
             * @description One after the last; reading from here waits for the next record.
             */
            high_watermark: number;
            /**
             * Format: int64
             * @description First record that can be read.
             */
            log_start_offset: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    operations_docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    operations_healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description Not ready, and why */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    operations_livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description It must be restarted */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    operations_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metrics */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text": string;
                };
            };
        };
    };
    operations_openapi_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
        };
    };
    operations_readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description Not ready, and why */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_clients: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By program and name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListClientsResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_command: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Instance id of the client */
                client: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandRequest"];
            };
        };
        responses: {
            /** @description Taken */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_list_clusters: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListClustersResponse"];
                };
            };
        };
    };
    castle_set_cluster: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description The name that this cluster has for it */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetClusterRequest"];
            };
        };
        responses: {
            /** @description Registered */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetadataChanged"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_remove_cluster: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description The name that this cluster has for it */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Forgotten */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetadataChanged"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_heartbeat: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HeartbeatRequest"];
            };
        };
        responses: {
            /** @description What the client is to do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeartbeatResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_cancel: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It stays */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopicMoveDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_describe: {
        parameters: {
            query?: {
                /** @description Confirm that nothing newer is known in the cluster. What blocks the move is left out then. */
                confirm?: boolean;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopicMoveDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    castle_start: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MoveTopicRequest"];
            };
        };
        responses: {
            /** @description Announced, or with `dry_run` what would be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopicMoveDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    cluster_status: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cluster */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClusterStatus"];
                };
            };
        };
    };
    cluster_config: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every setting */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClusterConfig"];
                };
            };
        };
    };
    cluster_alter_config: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlterClusterRequest"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetadataChanged"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    cluster_health: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The worst that was found, and all of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClusterHealth"];
                };
            };
        };
    };
    cluster_moves: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Moves */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListMovesResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    nodes_list: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By id */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListNodesResponse"];
                };
            };
        };
    };
    nodes_describe: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Id of the node */
                node: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The node */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    nodes_remove: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Id of the node */
                node: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeActionResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    nodes_progress: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Id of the node */
                node: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DecommissionProgress"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    nodes_decommission: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Id of the node */
                node: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NodeActionRequest"] | null;
            };
        };
        responses: {
            /** @description Decommissioning, or what would block it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeActionResponse"];
                };
            };
            /** @description It could not finish; `force` starts it all the same */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    nodes_drain: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Id of the node */
                node: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NodeActionRequest"] | null;
            };
        };
        responses: {
            /** @description Draining */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeActionResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    nodes_recommission: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Id of the node */
                node: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NodeActionRequest"] | null;
            };
        };
        responses: {
            /** @description Active */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NodeActionResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    cluster_set: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
                /** @description Number of the partition */
                partition: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetReplicasRequest"];
            };
        };
        responses: {
            /** @description Started, taken back, or with `dry_run` what would move */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetReplicasResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    cluster_transfer: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
                /** @description Number of the partition */
                partition: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TransferLeadershipRequest"] | null;
            };
        };
        responses: {
            /** @description Who leads now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransferLeadershipResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    cluster_rebalance: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RebalanceRequest"] | null;
            };
        };
        responses: {
            /** @description The plan */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RebalancePlan"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_list: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListGroupsResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_describe: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The group */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_delete: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DeleteGroupRequest"] | null;
            };
        };
        responses: {
            /** @description Forgotten */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupSummary"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_ack: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AckRequest"];
            };
        };
        responses: {
            /** @description A result per token */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AckResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_commit: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommitRequest"];
            };
        };
        responses: {
            /** @description Committed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommitResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_lag: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lag */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LagResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_leave: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
                /** @description Name of the member */
                member: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is out; what it held goes to the others */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_poll: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PollRequest"];
            };
        };
        responses: {
            /** @description Records, perhaps none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PollResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    groups_reset_offsets: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the group */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResetRequest"];
            };
        };
        responses: {
            /** @description Moved, or what would be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResetResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    records_identify: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ProducerRequest"] | null;
            };
        };
        responses: {
            /** @description Who the producer is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProducerIdentity"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    topics_list: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListTopicsResponse"];
                };
            };
        };
    };
    topics_create: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTopicRequest"];
            };
        };
        responses: {
            /** @description What would be created */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreateTopicResponse"];
                };
            };
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreateTopicResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    topics_describe: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The topic */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TopicDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    topics_delete: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetadataChanged"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    topics_alter: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlterTopicRequest"];
            };
        };
        responses: {
            /** @description Altered */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetadataChanged"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    dead_letters_describe: {
        parameters: {
            query?: {
                /** @description Of this group; if missing, of all groups that have no switch of their own. */
                group?: string;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The switch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetterDescription"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    dead_letters_set: {
        parameters: {
            query?: {
                /** @description Of this group; if missing, of all groups that have no switch of their own. */
                group?: string;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetDeadLetterRequest"];
            };
        };
        responses: {
            /** @description Set, or what would be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetDeadLetterResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    dead_letters_peek: {
        parameters: {
            query: {
                /** @description The group that gave them up. */
                group: string;
                /** @description Only those from this partition. */
                partition?: number;
                /** @description Only those that had this offset in their partition. */
                offset?: number;
                /** @description Only those whose error has this in it. */
                error?: string;
                /** @description Only those whose key is this text. */
                key?: string;
                /** @description Only those whose value has this text in it. */
                contains?: string;
                /** @description Records at most; 100 unless given. */
                max_records?: number;
                /** @description Where to go on: the `next_cursor` of the answer before. */
                cursor?: string;
                /** @description `json` (default), `string` or `base64`. */
                encoding?: string;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic they came from */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Dead letters, perhaps none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetterRecords"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    dead_letters_purge: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic they came from */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PurgeRequest"];
            };
        };
        responses: {
            /** @description Given up, or what would be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PurgeResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    dead_letters_redrive: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic they came from */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedriveRequest"];
            };
        };
        responses: {
            /** @description Brought back, or what would be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedriveResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    topics_add: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddPartitionsRequest"];
            };
        };
        responses: {
            /** @description Grown */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetadataChanged"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    records_fetch: {
        parameters: {
            query?: {
                /**
                 * @description A number, `earliest` (default), `latest` (default of a live tail), or `-k` for the last k
                 *     records.
                 */
                offset?: string;
                /**
                 * @description Instead of `offset`: the first record with this time or a later one, in milliseconds since
                 *     1970.
                 */
                timestamp?: number;
                /** @description Most records; 500 if missing. A live tail ends after so many. */
                max_records?: number;
                /** @description About how many bytes; 1 MiB if missing. */
                max_bytes?: number;
                /** @description How long to wait for a record if there is none. */
                wait_ms?: number;
                /** @description `read_committed` or `read_uncommitted`; there are no transactions yet, so they are the same. */
                isolation?: string;
                /** @description `json`, `string` or `base64`. */
                encoding?: components["schemas"]["Encoding"];
                /** @description Confirm the leadership first, so that an empty answer proves that there is nothing. */
                linearizable?: boolean;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: {
                /** @description `redirect`: 307 to the leader instead of forwarding */
                Prefer?: string | null;
                /** @description One of the media types below; JSON if missing */
                Accept?: string | null;
                /** @description The last `id:` of a live tail that broke off: it goes on after it */
                "Last-Event-ID"?: string | null;
            };
            path: {
                /** @description Name of the topic */
                topic: string;
                /** @description Number of the partition */
                partition: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Records; one a line as ndjson, one an event as a live tail */
            200: {
                headers: {
                    /** @description Nobody reads at or above it */
                    "X-High-Watermark"?: number;
                    /** @description First offset that can be read */
                    "X-Log-Start-Offset"?: number;
                    /** @description Where to go on */
                    "X-Next-Offset"?: number;
                    /** @description Where the partition ends for good, if it does */
                    "X-Sealed-At"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FetchResponse"];
                    "application/x-ndjson": components["schemas"]["FetchedRecord"];
                    "text/event-stream": string;
                    "application/vnd.rampart.batch": number[];
                };
            };
            /** @description With `Prefer: redirect` */
            307: {
                headers: {
                    /** @description The same at the leader */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Offset out of range, with both bounds */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    records_fetch_all: {
        parameters: {
            query?: {
                /**
                 * @description A number, `earliest` (default), `latest` (default of a live tail), or `-k` for the last k
                 *     records.
                 */
                offset?: string;
                /**
                 * @description Instead of `offset`: the first record with this time or a later one, in milliseconds since
                 *     1970.
                 */
                timestamp?: number;
                /** @description Most records; 500 if missing. A live tail ends after so many. */
                max_records?: number;
                /** @description About how many bytes; 1 MiB if missing. */
                max_bytes?: number;
                /** @description How long to wait for a record if there is none. */
                wait_ms?: number;
                /** @description `read_committed` or `read_uncommitted`; there are no transactions yet, so they are the same. */
                isolation?: string;
                /** @description `json`, `string` or `base64`. */
                encoding?: components["schemas"]["Encoding"];
                /** @description Confirm the leadership first, so that an empty answer proves that there is nothing. */
                linearizable?: boolean;
                /** @description Where to go on */
                cursor?: string;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: {
                /** @description One of the media types below; JSON if missing */
                Accept?: string | null;
                /** @description The last `id:` of a live tail that broke off: it goes on after it */
                "Last-Event-ID"?: string | null;
            };
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Records; one a line as ndjson, one an event as a live tail */
            200: {
                headers: {
                    /** @description Where to go on */
                    "X-Next-Cursor"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FetchResponse"];
                    "application/x-ndjson": components["schemas"]["FetchedRecord"];
                    "text/event-stream": string;
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    records_produce: {
        parameters: {
            query?: {
                /** @description Where records go that name no partition. Needed by raw batches. */
                partition?: number;
                /** @description `-1` (or `all`), `quorum`, `1` or `0`; the topic's if missing. */
                ack?: string;
                /**
                 * @description How long to wait for the acknowledgement. Within it the node retries what was certainly not
                 *     appended.
                 */
                timeout_ms?: number;
                /** @description `json`, `string` or `base64`; of JSON and ndjson bodies. */
                encoding?: components["schemas"]["Encoding"];
                /** @description `value`: each ndjson line is the value itself. `record`, the default: it is an envelope. */
                lines?: string;
                /** @description With `lines=value`: JSON pointer to the key inside the value. */
                key?: string;
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: {
                /** @description `redirect`: 307 to the leader of `partition` instead of forwarding */
                Prefer?: string | null;
                /** @description Names this request: the same key with the same body is written once. Keyless records go to the partition that its hash chooses. Not with ndjson */
                "Idempotency-Key"?: string | null;
                /** @description Of POST /v1/producers; with `partition`. Raw batches say it themselves */
                "X-Producer-Id"?: number | null;
                /** @description With X-Producer-Id */
                "X-Producer-Epoch"?: number | null;
                /** @description Number of the first record among those that the producer has sent to the partition, from 0; with X-Producer-Id */
                "X-Producer-Sequence"?: number | null;
                /** @description Key of an octet-stream record */
                "X-Record-Key"?: string | null;
                /** @description Headers of an octet-stream record, names in lower case */
                "X-Record-Header-*"?: string | null;
            };
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProduceRequest"];
                "application/octet-stream": number[];
                "application/vnd.rampart.batch": number[];
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description Written; per record, per batch, or a line per line */
            200: {
                headers: {
                    /** @description `true`: the records were there already */
                    "Idempotency-Replayed"?: string | null;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProduceResponse"];
                    "application/x-ndjson": components["schemas"]["LineResult"];
                };
            };
            /** @description Taken with ack 0 */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Some partitions refused: `offsets` says what became of each record. As a whole it must not be sent again */
            207: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
            /** @description With `Prefer: redirect` */
            307: {
                headers: {
                    /** @description The same at the leader */
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Too many bytes in flight */
            429: {
                headers: {
                    /** @description Seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    topics_truncate: {
        parameters: {
            query?: {
                /** @description Answer only once this node has applied this metadata index */
                min_metadata_index?: number;
            };
            header?: never;
            path: {
                /** @description Name of the topic */
                topic: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TruncateRequest"];
            };
        };
        responses: {
            /** @description Deleted */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TruncateResponse"];
                };
            };
            /** @description Some partitions refused */
            207: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TruncateResponse"];
                };
            };
            /** @description Refused */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
}
