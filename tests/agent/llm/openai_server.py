"""A real HTTP server on loopback that speaks OpenAI's wire format, streaming included."""

import json
import time

from tests.http_servers import LoopbackServer, QuietHandler, running


class Server(LoopbackServer):
    def __init__(self, behaviour):
        super().__init__(Handler)
        self.behaviour = behaviour
        self.requests = []

    @property
    def url(self):
        return f"{super().url}/v1"


class Handler(QuietHandler):
    """Asks the server's behaviour, given the messages and the number of the request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"body": body, "headers": self.headers})
        answer = self.server.behaviour(body["messages"], len(self.server.requests))
        if isinstance(answer, int):
            self.fail(answer)
        elif body.get("stream"):
            self.stream(answer)
        else:
            self.whole(answer)

    def fail(self, status):
        self.reply(status, {"error": {"message": "no", "type": "server_error", "code": status}})

    def whole(self, answer):
        message = {"role": "assistant", "content": answer}
        usage = None
        if isinstance(answer, dict):  # a call of a tool, with what it cost
            function = {"name": answer["tool"], "arguments": json.dumps(answer["arguments"])}
            call = {"id": f"call_{len(self.server.requests)}", "type": "function"}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            call["function"] = function
            usage = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        row = chunk("chat.completion", choice)
        self.reply(200, row if usage is None else row | {"usage": usage})

    def reply(self, status, row):
        data = json.dumps(row).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def stream(self, answer):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for part in pieces(answer):
                self.event(part)
            self.event(None)
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def event(self, text):
        delta = {} if text is None else {"role": "assistant", "content": text}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if text is None else None}
        line = json.dumps(chunk("chat.completion.chunk", choice))
        self.wfile.write(f"data: {line}\n\n".encode())
        self.wfile.flush()


def chunk(kind, choice):
    return {"id": "c1", "object": kind, "created": 0, "model": "m", "choices": [choice]}


def pieces(answer):
    """Text in small parts; a generator decides for itself."""
    if not isinstance(answer, str):
        yield from answer
        return
    for start in range(0, len(answer), 17):
        yield answer[start : start + 17]


def stalling(_messages, _number):
    def parts():
        yield "{"
        time.sleep(30)

    return parts()


def request_text(messages):
    text = messages[-1]["content"]
    for message in reversed(messages):
        if "<request>" in message["content"]:
            text = message["content"]
            break
    return text.split("<request>\n", 1)[1].rsplit("\n</request>", 1)[0]


def serving(behaviour):
    return running(Server(behaviour))
