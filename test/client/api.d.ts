export interface paths {
    "/admin/api/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Dead letters, the oldest first, and how many there are */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/{id}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say what became of a letter of unknown outcome */
        post: operations["confirmDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/{id}/correct": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put one back with a new letter to another address */
        post: operations["correctDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give one up */
        post: operations["discardDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put one back: the same letter, with all its attempts */
        post: operations["retryDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/{id}/unsuppress": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let letters go again to its address */
        post: operations["allowAddress"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/redrives": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put back all that match: a few first, then at a rate, until letters die again */
        post: operations["startRedrive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/redrives/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a redrive is getting on */
        get: operations["getRedrive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/dead-letters/redrives/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a redrive before its time */
        post: operations["cancelRedrive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/customers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a customer */
        post: operations["addCustomer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/customers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One customer */
        get: operations["getCustomer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Orders, the newest first */
        get: operations["listOrders"];
        put?: never;
        /** Place an order; its confirmation follows by e-mail */
        post: operations["placeOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One order with the story of its letters */
        get: operations["getOrder"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel an order; repeating is harmless */
        post: operations["cancelOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/{id}/ship": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark an order as shipped; repeating is harmless */
        post: operations["shipOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/resend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A report of the provider, signed by it */
        post: operations["report"];
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
        Customer: {
            /** Format: date-time */
            createdAt: string;
            /** Format: uuid */
            customerId: string;
            email: string;
            name: string;
        };
        NewCustomer: {
            email: string;
            /**
             * Format: nfc
             * @description How letters address the customer
             */
            name: string;
        };
        NewOrder: {
            /**
             * @description A circulating currency of ISO 4217
             * @enum {unknown}
             */
            currency: "AED" | "AFN" | "ALL" | "AMD" | "AOA" | "ARS" | "AUD" | "AWG" | "AZN" | "BAM" | "BBD" | "BDT" | "BHD" | "BIF" | "BMD" | "BND" | "BOB" | "BRL" | "BSD" | "BTN" | "BWP" | "BYN" | "BZD" | "CAD" | "CDF" | "CHF" | "CLP" | "CNY" | "COP" | "CRC" | "CUP" | "CVE" | "CZK" | "DJF" | "DKK" | "DOP" | "DZD" | "EGP" | "ERN" | "ETB" | "EUR" | "FJD" | "FKP" | "GBP" | "GEL" | "GHS" | "GIP" | "GMD" | "GNF" | "GTQ" | "GYD" | "HKD" | "HNL" | "HTG" | "HUF" | "IDR" | "ILS" | "INR" | "IQD" | "IRR" | "ISK" | "JMD" | "JOD" | "JPY" | "KES" | "KGS" | "KHR" | "KMF" | "KPW" | "KRW" | "KWD" | "KYD" | "KZT" | "LAK" | "LBP" | "LKR" | "LRD" | "LSL" | "LYD" | "MAD" | "MDL" | "MGA" | "MKD" | "MMK" | "MNT" | "MOP" | "MRU" | "MUR" | "MVR" | "MWK" | "MXN" | "MYR" | "MZN" | "NAD" | "NGN" | "NIO" | "NOK" | "NPR" | "NZD" | "OMR" | "PAB" | "PEN" | "PGK" | "PHP" | "PKR" | "PLN" | "PYG" | "QAR" | "RON" | "RSD" | "RUB" | "RWF" | "SAR" | "SBD" | "SCR" | "SDG" | "SEK" | "SGD" | "SHP" | "SLE" | "SOS" | "SRD" | "SSP" | "STN" | "SVC" | "SYP" | "SZL" | "THB" | "TJS" | "TMT" | "TND" | "TOP" | "TRY" | "TTD" | "TWD" | "TZS" | "UAH" | "UGX" | "USD" | "UYU" | "UZS" | "VED" | "VES" | "VND" | "VUV" | "WST" | "XAF" | "XCD" | "XCG" | "XOF" | "XPF" | "YER" | "ZAR" | "ZMW" | "ZWG";
            /** Format: uuid */
            customerId: string;
            items: {
                /**
                 * Format: nfc
                 * @description What the letter calls the article
                 */
                name: string;
                quantity: number;
                /**
                 * Format: nfc
                 * @description Your article number
                 */
                sku: string;
                /** @description Minor units of the currency */
                unitPrice: number;
            }[];
        };
        Order: {
            /** Format: date-time */
            createdAt: string;
            currency: string;
            /** Format: uuid */
            customerId: string;
            /** Format: uuid */
            id: string;
            items: {
                name: string;
                quantity: number;
                sku: string;
                /** @description Minor units of the currency */
                unitPrice: number;
            }[];
            notifications: {
                /** Format: uuid */
                id: string;
                /** @description Why it is dead */
                reason?: string;
                /** @enum {unknown} */
                status: "staged" | "enqueued" | "sent" | "delivered" | "bounced" | "complained" | "dead" | "discarded";
                timeline: {
                    /** Format: date-time */
                    at: string;
                    /** @description Which process it was, or which operator */
                    by?: string;
                    event: string;
                    /** @description Of a death: why */
                    reason?: string;
                }[];
                type: string;
            }[];
            /** @enum {unknown} */
            status: "CREATED" | "SHIPPED" | "CANCELLED";
            /** @description Minor units, computed by the server */
            total: number;
        };
        OrderPage: {
            nextCursor: string | null;
            orders: components["schemas"]["Order"][];
        };
        Placed: {
            message: string;
            /** Format: uuid */
            orderId: string;
            /** @constant */
            success: true;
        };
        /** @description RFC 9457 problem details */
        Problem: {
            detail: string;
            errors?: {
                message: string;
                path: string;
            }[];
            instance: string;
            status: number;
            title: string;
            type: string;
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
    listDeadLetters: {
        parameters: {
            query?: {
                /**
                 * @description `next` of the page before
                 * @example MjAyNi0xMS0yNiAxNjo0MDowMS4wMDAxMjMrMDAgMDFhMjA2YjktM2M0Mi03YTZiLThmMTMtOWQyYzQwYjdlMTU4
                 */
                after?: string;
                /** @example 20 */
                limit?: string;
                /** @example refused */
                reason?: "attempts_exhausted" | "refused" | "outcome_unknown" | "poison" | "not_enqueueable" | "order_missing" | "customer_missing" | "letter_missing" | "unrenderable" | "suppressed" | "job_failed";
                /**
                 * @description Dead since then, UTC
                 * @example 2026-11-26T16:00:00Z
                 */
                since?: string;
                /** @example order.created */
                type?: string;
                /**
                 * @description Dead until then, UTC
                 * @example 2026-11-26T17:00:00Z
                 */
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of dead letters */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "matched": 1,
                     *       "retriable": 1,
                     *       "next": null,
                     *       "deadLetters": [
                     *         {
                     *           "id": "01a206b9-3c42-7a6b-8f13-9d2c40b7e158",
                     *           "orderId": "01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *           "type": "order.created",
                     *           "run": 1,
                     *           "deadAt": "2026-11-26T16:40:01.000Z",
                     *           "reason": "refused",
                     *           "answer": "validation_error",
                     *           "calls": 1
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        deadLetters: {
                            answer: string | null;
                            calls: number;
                            deadAt: string;
                            /** Format: uuid */
                            id: string;
                            /** Format: uuid */
                            orderId: string;
                            /** @enum {unknown} */
                            reason: "attempts_exhausted" | "refused" | "outcome_unknown" | "poison" | "not_enqueueable" | "order_missing" | "customer_missing" | "letter_missing" | "unrenderable" | "suppressed" | "job_failed";
                            run: number;
                            type: string;
                        }[];
                        /** @description How many there are */
                        matched: number;
                        next: string | null;
                        /** @description How many of them a retry would put back */
                        retriable: number;
                    };
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    confirmDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "outcome": "not_sent",
                 *       "note": "not in their log"
                 *     }
                 */
                "application/json": {
                    /** @description Why, for those who come after you */
                    note: string;
                    /** @enum {unknown} */
                    outcome: "sent" | "not_sent";
                };
            };
        };
        responses: {
            /** @description Settled */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such message.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This message is not dead: it is on its way.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/confirm"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    correctDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "grace@example.com",
                 *       "note": "told by telephone"
                 *     }
                 */
                "application/json": {
                    email: string;
                    /** @description Why, for those who come after you */
                    note: string;
                };
            };
        };
        responses: {
            /** @description Put back, for a new letter */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such message.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This message is not dead: it is on its way.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/correct"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    discardDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "note": "told by telephone"
                 *     }
                 */
                "application/json": {
                    /** @description Why, for those who come after you */
                    note: string;
                };
            };
        };
        responses: {
            /** @description Given up */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such message.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This message is not dead: it is on its way.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/discard"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retryDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Put back */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such message.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This message is not dead: it is on its way.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/retry"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    allowAddress: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "note": "told by telephone"
                 *     }
                 */
                "application/json": {
                    /** @description Why, for those who come after you */
                    note: string;
                };
            };
        };
        responses: {
            /** @description Its address gets letters again */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such message.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This message is not dead: it is on its way.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/unsuppress"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    startRedrive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "attempts_exhausted",
                 *       "note": "their outage is over"
                 *     }
                 */
                "application/json": {
                    /** @description How many go first */
                    canary?: number;
                    /** @description Why, for those who come after you */
                    note?: string;
                    /** @description How many a second follow */
                    perSecond?: number;
                    /** @enum {unknown} */
                    reason?: "attempts_exhausted" | "refused" | "outcome_unknown" | "poison" | "not_enqueueable" | "order_missing" | "customer_missing" | "letter_missing" | "unrenderable" | "suppressed" | "job_failed";
                    /**
                     * Format: date-time
                     * @description Dead since then, UTC
                     */
                    since?: string;
                    type?: string;
                    /**
                     * Format: date-time
                     * @description Dead until then, UTC
                     */
                    until?: string;
                };
            };
        };
        responses: {
            /** @description It has begun */
            201: {
                headers: {
                    /**
                     * @description Where what was made can be read
                     * @example /orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4
                     */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "01a206ba-77d0-7c1f-9d0a-64b0b7c2f1aa",
                     *       "operator": "grace",
                     *       "note": "their outage is over",
                     *       "reason": "attempts_exhausted",
                     *       "type": null,
                     *       "matched": 2000,
                     *       "canary": 10,
                     *       "perSecond": 50,
                     *       "putBack": 0,
                     *       "accepted": 0,
                     *       "failed": 0,
                     *       "underWay": 0,
                     *       "createdAt": "2026-11-26T16:50:00.000Z",
                     *       "passedAt": null,
                     *       "endedAt": null,
                     *       "ended": null
                     *     }
                     */
                    "application/json": {
                        /** @description Of the last ones that were put back */
                        accepted: number;
                        canary: number;
                        /** Format: date-time */
                        createdAt: string;
                        ended: ("done" | "failures" | "cancelled") | null;
                        endedAt: string | null;
                        /** @description Of the last ones: dead again */
                        failed: number;
                        /** Format: uuid */
                        id: string;
                        matched: number;
                        note: string | null;
                        operator: string;
                        passedAt: string | null;
                        perSecond: number;
                        putBack: number;
                        reason: string | null;
                        type: string | null;
                        underWay: number;
                    };
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/redrives",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "Nothing matches that a retry would put back.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/redrives"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRedrive: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The redrive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "01a206ba-77d0-7c1f-9d0a-64b0b7c2f1aa",
                     *       "operator": "grace",
                     *       "note": "their outage is over",
                     *       "reason": "attempts_exhausted",
                     *       "type": null,
                     *       "matched": 2000,
                     *       "canary": 10,
                     *       "perSecond": 50,
                     *       "putBack": 460,
                     *       "accepted": 455,
                     *       "failed": 1,
                     *       "underWay": 4,
                     *       "createdAt": "2026-11-26T16:50:00.000Z",
                     *       "passedAt": "2026-11-26T16:50:04.000Z",
                     *       "endedAt": null,
                     *       "ended": null
                     *     }
                     */
                    "application/json": {
                        /** @description Of the last ones that were put back */
                        accepted: number;
                        canary: number;
                        /** Format: date-time */
                        createdAt: string;
                        ended: ("done" | "failures" | "cancelled") | null;
                        endedAt: string | null;
                        /** @description Of the last ones: dead again */
                        failed: number;
                        /** Format: uuid */
                        id: string;
                        matched: number;
                        note: string | null;
                        operator: string;
                        passedAt: string | null;
                        perSecond: number;
                        putBack: number;
                        reason: string | null;
                        type: string | null;
                        underWay: number;
                    };
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such redrive.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelRedrive: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is over */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Basic realm="Order Notifications", charset="UTF-8"
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Sign in as an operator or as a viewer.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Forbidden",
                     *       "status": 403,
                     *       "detail": "This request came from another site.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This redrive is not under way.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/admin/api/dead-letters/redrives/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addCustomer: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A request that is repeated under its key is done once, and answered as the first time
                 * @example order-4711
                 */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ada@example.com",
                 *       "name": "Ada Lovelace"
                 *     }
                 */
                "application/json": components["schemas"]["NewCustomer"];
            };
        };
        responses: {
            /** @description The customer is stored */
            201: {
                headers: {
                    /**
                     * @description `true` when this answer was given before, under the same key
                     * @example true
                     */
                    "Idempotency-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/json": {
                        /** Format: uuid */
                        customerId: string;
                    };
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/customers",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "A request under this Idempotency-Key is under way.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Idempotency-Key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unprocessable Entity",
                     *       "status": 422,
                     *       "detail": "This Idempotency-Key belongs to a request with another body.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/customers"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCustomer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example 01a206b8-82f0-7023-9978-0ae66dfecce9 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The customer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9",
                     *       "email": "ada@example.com",
                     *       "name": "Ada Lovelace",
                     *       "createdAt": "2026-11-26T16:39:00.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Customer"];
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such customer.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/customers/01a206b8-82f0-7023-9978-0ae66dfecce9"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOrders: {
        parameters: {
            query?: {
                /**
                 * @description `nextCursor` of the page before
                 * @example AaIGuTxBfQ6lslHwx6nm1Axxxxxx
                 */
                cursor?: string;
                /** @example 01a206b8-82f0-7023-9978-0ae66dfecce9 */
                customerId?: string;
                /**
                 * @description 1 to 100; 20 unless told
                 * @example 20
                 */
                limit?: string;
                /** @example CREATED */
                status?: "CREATED" | "SHIPPED" | "CANCELLED";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of orders */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "orders": [
                     *         {
                     *           "id": "01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *           "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9",
                     *           "status": "CREATED",
                     *           "currency": "EUR",
                     *           "total": 900,
                     *           "createdAt": "2026-11-26T16:40:00.000Z",
                     *           "items": [
                     *             {
                     *               "sku": "TEA-100",
                     *               "name": "Green tea, 100 g",
                     *               "quantity": 2,
                     *               "unitPrice": 450
                     *             }
                     *           ],
                     *           "notifications": [
                     *             {
                     *               "id": "01a206b9-3c42-7a6b-8f13-9d2c40b7e158",
                     *               "type": "order.created",
                     *               "status": "sent",
                     *               "timeline": [
                     *                 {
                     *                   "at": "2026-11-26T16:40:00.000Z",
                     *                   "event": "staged",
                     *                   "by": "web 4711@shop-1"
                     *                 },
                     *                 {
                     *                   "at": "2026-11-26T16:40:00.012Z",
                     *                   "event": "enqueued",
                     *                   "by": "relay 4712@shop-1"
                     *                 },
                     *                 {
                     *                   "at": "2026-11-26T16:40:00.131Z",
                     *                   "event": "sent",
                     *                   "by": "notifier 815@shop-2"
                     *                 }
                     *               ]
                     *             }
                     *           ]
                     *         }
                     *       ],
                     *       "nextCursor": "AaIGuTxBfQ6lslHwx6nm1Axxxxxx"
                     *     }
                     */
                    "application/json": components["schemas"]["OrderPage"];
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/orders",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    placeOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A request that is repeated under its key is done once, and answered as the first time
                 * @example order-4711
                 */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9",
                 *       "currency": "EUR",
                 *       "items": [
                 *         {
                 *           "sku": "TEA-100",
                 *           "name": "Green tea, 100 g",
                 *           "quantity": 2,
                 *           "unitPrice": 450
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NewOrder"];
            };
        };
        responses: {
            /** @description The order is stored together with its message */
            201: {
                headers: {
                    /**
                     * @description `true` when this answer was given before, under the same key
                     * @example true
                     */
                    "Idempotency-Replayed"?: string;
                    /**
                     * @description Where what was made can be read
                     * @example /orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4
                     */
                    Location?: string;
                    /**
                     * @description What is left of the limit that is nearest, and until when
                     * @example "orders";r=5999;t=60
                     */
                    RateLimit?: string;
                    /**
                     * @description The limits in force
                     * @example "orders";q=6000;w=60
                     */
                    "RateLimit-Policy"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "success": true,
                     *       "orderId": "01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *       "message": "Order created successfully. You will receive a confirmation shortly."
                     *     }
                     */
                    "application/json": components["schemas"]["Placed"];
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/orders",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such customer.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "A request under this Idempotency-Key is under way.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Idempotency-Key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unprocessable Entity",
                     *       "status": 422,
                     *       "detail": "This Idempotency-Key belongs to a request with another body.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description What is left of the limit that is nearest, and until when
                     * @example "orders";r=5999;t=60
                     */
                    RateLimit?: string;
                    /**
                     * @description The limits in force
                     * @example "orders";q=6000;w=60
                     */
                    "RateLimit-Policy"?: string;
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/orders"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The ETag of an earlier answer: 304 if nothing has changed since
                 * @example "4f2c1a90d7b3"
                 */
                "if-none-match"?: string;
            };
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order */
            200: {
                headers: {
                    /**
                     * @description The version that was read: send it as If-None-Match
                     * @example "4f2c1a90d7b3"
                     */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *       "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9",
                     *       "status": "CREATED",
                     *       "currency": "EUR",
                     *       "total": 900,
                     *       "createdAt": "2026-11-26T16:40:00.000Z",
                     *       "items": [
                     *         {
                     *           "sku": "TEA-100",
                     *           "name": "Green tea, 100 g",
                     *           "quantity": 2,
                     *           "unitPrice": 450
                     *         }
                     *       ],
                     *       "notifications": [
                     *         {
                     *           "id": "01a206b9-3c42-7a6b-8f13-9d2c40b7e158",
                     *           "type": "order.created",
                     *           "status": "sent",
                     *           "timeline": [
                     *             {
                     *               "at": "2026-11-26T16:40:00.000Z",
                     *               "event": "staged",
                     *               "by": "web 4711@shop-1"
                     *             },
                     *             {
                     *               "at": "2026-11-26T16:40:00.012Z",
                     *               "event": "enqueued",
                     *               "by": "relay 4712@shop-1"
                     *             },
                     *             {
                     *               "at": "2026-11-26T16:40:00.131Z",
                     *               "event": "sent",
                     *               "by": "notifier 815@shop-2"
                     *             }
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description Unchanged since the version of If-None-Match */
            304: {
                headers: {
                    /**
                     * @description The version that was read: send it as If-None-Match
                     * @example "4f2c1a90d7b3"
                     */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such order.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A request that is repeated under its key is done once, and answered as the first time
                 * @example order-4711
                 */
                "idempotency-key"?: string;
            };
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order, cancelled */
            200: {
                headers: {
                    /**
                     * @description `true` when this answer was given before, under the same key
                     * @example true
                     */
                    "Idempotency-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *       "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9",
                     *       "status": "CANCELLED",
                     *       "currency": "EUR",
                     *       "total": 900,
                     *       "createdAt": "2026-11-26T16:40:00.000Z",
                     *       "items": [
                     *         {
                     *           "sku": "TEA-100",
                     *           "name": "Green tea, 100 g",
                     *           "quantity": 2,
                     *           "unitPrice": 450
                     *         }
                     *       ],
                     *       "notifications": [
                     *         {
                     *           "id": "01a206b9-3c42-7a6b-8f13-9d2c40b7e158",
                     *           "type": "order.created",
                     *           "status": "sent",
                     *           "timeline": [
                     *             {
                     *               "at": "2026-11-26T16:40:00.000Z",
                     *               "event": "staged",
                     *               "by": "web 4711@shop-1"
                     *             },
                     *             {
                     *               "at": "2026-11-26T16:40:00.012Z",
                     *               "event": "enqueued",
                     *               "by": "relay 4712@shop-1"
                     *             },
                     *             {
                     *               "at": "2026-11-26T16:40:00.131Z",
                     *               "event": "sent",
                     *               "by": "notifier 815@shop-2"
                     *             }
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such order.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This order can no longer be cancelled.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Idempotency-Key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unprocessable Entity",
                     *       "status": 422,
                     *       "detail": "This Idempotency-Key belongs to a request with another body.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/cancel"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    shipOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A request that is repeated under its key is done once, and answered as the first time
                 * @example order-4711
                 */
                "idempotency-key"?: string;
            };
            path: {
                /** @example 01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order, shipped */
            200: {
                headers: {
                    /**
                     * @description `true` when this answer was given before, under the same key
                     * @example true
                     */
                    "Idempotency-Replayed"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4",
                     *       "customerId": "01a206b8-82f0-7023-9978-0ae66dfecce9",
                     *       "status": "SHIPPED",
                     *       "currency": "EUR",
                     *       "total": 900,
                     *       "createdAt": "2026-11-26T16:40:00.000Z",
                     *       "items": [
                     *         {
                     *           "sku": "TEA-100",
                     *           "name": "Green tea, 100 g",
                     *           "quantity": 2,
                     *           "unitPrice": 450
                     *         }
                     *       ],
                     *       "notifications": [
                     *         {
                     *           "id": "01a206b9-3c42-7a6b-8f13-9d2c40b7e158",
                     *           "type": "order.created",
                     *           "status": "sent",
                     *           "timeline": [
                     *             {
                     *               "at": "2026-11-26T16:40:00.000Z",
                     *               "event": "staged",
                     *               "by": "web 4711@shop-1"
                     *             },
                     *             {
                     *               "at": "2026-11-26T16:40:00.012Z",
                     *               "event": "enqueued",
                     *               "by": "relay 4712@shop-1"
                     *             },
                     *             {
                     *               "at": "2026-11-26T16:40:00.131Z",
                     *               "event": "sent",
                     *               "by": "notifier 815@shop-2"
                     *             }
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    /**
                     * @description The scheme to use
                     * @example Bearer
                     */
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "Send Authorization: Bearer <key> with a key of this service.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "There is no such order.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The state of things forbids it, now or for ever */
            409: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Conflict",
                     *       "status": 409,
                     *       "detail": "This order can no longer be shipped.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The path is too long */
            414: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "URI Too Long",
                     *       "status": 414,
                     *       "detail": "The path is too long.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The Idempotency-Key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unprocessable Entity",
                     *       "status": 422,
                     *       "detail": "This Idempotency-Key belongs to a request with another body.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/orders/01a206b9-3c41-7d0e-a5b2-51f0c7a9e6d4/ship"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    report: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The report’s id
                 * @example msg_2aXyJ8VhG9sXb4kQ
                 */
                "svix-id"?: string;
                /**
                 * @description Seconds since 1970
                 * @example 1795710402
                 */
                "svix-timestamp"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "email.delivered",
                 *       "created_at": "2026-11-26T16:40:02.000Z",
                 *       "data": {
                 *         "email_id": "4ef9a417-02e9-4d39-ad75-9611e0fcc33c",
                 *         "created_at": "2026-11-26T16:40:00.131Z",
                 *         "tags": {
                 *           "message_id": "01a206b9-3c42-7a6b-8f13-9d2c40b7e158"
                 *         }
                 *       }
                 *     }
                 */
                "application/json": {
                    created_at?: unknown;
                    data?: unknown;
                    type: string;
                };
            };
        };
        responses: {
            /** @description The report is taken in, or was before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "received": true
                     *     }
                     */
                    "application/json": {
                        /** @constant */
                        received: true;
                    };
                };
            };
            /** @description The request is not valid; `errors` names the fields */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "The body is not valid.",
                     *       "instance": "/webhooks/resend",
                     *       "errors": [
                     *         {
                     *           "path": "/items/0/quantity",
                     *           "message": "must be >= 1"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description No credentials, or none of ours */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unauthorized",
                     *       "status": 401,
                     *       "detail": "This report is not signed by the provider.",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such thing */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Not Found",
                     *       "status": 404,
                     *       "detail": "No secret is set here for reports of the provider.",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Timeout",
                     *       "status": 408,
                     *       "detail": "The request did not arrive in time.",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is above 64 KiB */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Payload Too Large",
                     *       "status": 413,
                     *       "detail": "Request body is too large",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The body is not JSON */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Unsupported Media Type",
                     *       "status": 415,
                     *       "detail": "Unsupported Media Type",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests under this key, or too many wrong keys from this address: wait for Retry-After */
            429: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Too Many Requests",
                     *       "status": 429,
                     *       "detail": "Too many requests.",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The headers are too large */
            431: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Request Header Fields Too Large",
                     *       "status": 431,
                     *       "detail": "The headers are too large.",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Try again after Retry-After: what the request asked for may have happened */
            503: {
                headers: {
                    /**
                     * @description Seconds to wait before the next try
                     * @example 2
                     */
                    "Retry-After"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "about:blank",
                     *       "title": "Service Unavailable",
                     *       "status": 503,
                     *       "detail": "The order book cannot be reached.",
                     *       "instance": "/webhooks/resend"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
