"""The HTTP API's operations over gRPC, from the same table and models (extra `grpc`).

shapes   models -> messages, as plain data
proto    messages -> the text of a .proto file, and classes made at run time
convert  models <-> messages
server   the service; the one module here that touches sockets
"""
