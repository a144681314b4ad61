#pragma once

#include "http/call.h"

/// The handlers of accounts and sessions. One function a route.
namespace http {

void SignUp(const CallPtr& call);
void SignIn(const CallPtr& call);
void Refresh(const CallPtr& call);
void SignOut(const CallPtr& call);
void GetMe(const CallPtr& call);
void PatchMe(const CallPtr& call);
void DeleteMe(const CallPtr& call);
void PutPassword(const CallPtr& call);
void GetSessions(const CallPtr& call);
void DeleteSession(const CallPtr& call);
void GetKeys(const CallPtr& call);

}  // namespace http
