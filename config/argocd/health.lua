-- Argo CD's health of an OidcFederation or an IamRoleBinding.
--
-- Base language only: the interpreter of argocd-cm has no string library. The order is kstatus's: what is being
-- deleted or has changed since the operator looked says nothing about its health yet.

local function answer(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return answer("Progressing", "Being deleted: the operator is removing what it made in AWS")
end

local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return answer("Progressing", "Waiting for the operator to look at this version of the spec")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if conditions.Ready == nil then
  return answer("Progressing", "Waiting for the first condition")
end
local message = conditions.Ready.message or ""

if holds("Stalled") then
  return answer("Degraded", conditions.Stalled.message or message)
end
if holds("Reconciling") then
  return answer("Progressing", conditions.Reconciling.message or message)
end
if obj.spec.suspend == true then
  -- Suspended would block every later sync wave, although what was made works.
  if holds("Ready") then
    return answer("Healthy", "Suspended, as last seen: " .. message)
  end
  return answer("Suspended", message)
end
if holds("Ready") then
  return answer("Healthy", message)
end
return answer("Progressing", message)
