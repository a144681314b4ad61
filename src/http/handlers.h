#pragma once

#include <cstdint>
#include <functional>

#include "http/call.h"

/// The handlers of lists, items, the log and the service itself: read what the request says, call
/// the use case, format what comes of it. One function a route.
namespace http {

void GetLists(const CallPtr& call);
void PostList(const CallPtr& call);
void PutList(const CallPtr& call);
void GetList(const CallPtr& call);
void PatchList(const CallPtr& call);
void DeleteList(const CallPtr& call);
void RestoreList(const CallPtr& call);

void GetItems(const CallPtr& call);
void PostItem(const CallPtr& call);
void PutItem(const CallPtr& call);
void GetItem(const CallPtr& call);
void PatchItem(const CallPtr& call);
void MoveItem(const CallPtr& call);
void DeleteItem(const CallPtr& call);
void RestoreItem(const CallPtr& call);
void ClearDone(const CallPtr& call);

void GetChanges(const CallPtr& call);
void PostRevert(const CallPtr& call);

void PostSync(const CallPtr& call);

void GetLimits(const CallPtr& call);
void GetLivez(const CallPtr& call);
void GetReadyz(const CallPtr& call);
void GetOpenApi(const CallPtr& call);

/// Whether the DELETE of an item is to erase it for good: that is the owner's.
bool IsPurge(const Request& request);

/// The 409 of `Min-Revision`, and the 422 of all that was found wrong: what a read of a list checks
/// before it answers. True when it has answered.
bool RefuseRead(Call& call);

/// The same for a read of the log at `revision`, which the list must have reached: 409 otherwise.
/// Calls `then` where nothing is wrong.
void PassRead(const CallPtr& call, std::int64_t revision, std::function<void()> then);

/// Answers with the list as it was.
void SendPast(const CallPtr& call, std::int64_t revision);

/// Answers with the whole list, or 304.
void SendList(Services& services, Exchange& exchange, const app::SnapshotPtr& list,
              domain::Role role);

}  // namespace http
